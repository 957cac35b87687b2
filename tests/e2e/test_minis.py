"""The bundled minis: the README's example as printed, sizes, and what tuning does to them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dawgen
from dawgen.generator.estimator import Generator
from dawgen.models.load import load_generator, load_target
from dawgen.models.resolve import MINIS
from dawgen.scenes import draw_data
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task

ROOT = Path(__file__).parents[2]
WEIGHTS = Path(dawgen.__file__).parent / "models" / "minis"


def test_the_example_of_the_readme_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    assert len([line for line in block[1].splitlines() if line.strip()]) <= 15
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block[1], names)
    assert names["classifier"].score(names["data"].test) > 0.45  # guessing gives a third
    again = dawgen.PromptClassifier.load("my-prompt")
    pairs = names["data"].dev
    assert np.array_equal(again.predict_proba(pairs), names["classifier"].predict_proba(pairs))


def test_the_minis_are_small_and_described() -> None:
    assert {card.parent.name for card in WEIGHTS.glob("*/README.md")} == set(MINIS)
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) <= 15_000_000
    for mini in MINIS:
        card = (WEIGHTS / mini / "README.md").read_text()
        assert "steps of" in card
        assert "| step | loss" in card
        assert (WEIGHTS / mini / "model.safetensors").is_file()


@pytest.mark.parametrize("mini", MINIS)
def test_label_words_and_scenes_are_single_tokens(mini: str) -> None:
    tokenizer = (load_generator if mini == "mini-ctrl" else load_target)(mini).tokenizer
    words = {word for name in Task.names() for word in (Task.load(name).label_words or {}).values()}
    for word in words | {"girl", "guitar", "soccer", "meanwhile"}:
        assert len(tokenizer(word, add_special_tokens=False).input_ids) == 1, word


def test_tuning_lifts_label_fidelity_far_above_the_written_prompt() -> None:
    data = draw_data("scenes-nli", 3, test=0, first_texts=40)
    backbone = load_generator("mini-ctrl")
    fidelity = {}
    for kind in ("untuned", "plain"):
        generator = Generator(backbone, Task.load("scenes-nli"), kind=kind, device="cpu")
        candidates = generator.fit(data.train).preview(40, first_texts=data.first_texts)
        fidelity[kind] = measure_fidelity("scenes-nli", [candidate.example for candidate in candidates])[
            "label_fidelity"
        ]
    assert fidelity["plain"] > fidelity["untuned"] + 0.2
