"""The README and docs/real.md show the run whose facts are kept, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from dawgen.errors import DataError
from dawgen.files import read_json
from experiments.pages.blocks import fill_blocks
from experiments.pages.real_demo import gather_facts, make_blocks

ROOT = Path(__file__).parents[3]
KEYS = ("real", "real-time", "real-written", "real-methods", "real-dropped", "real-warnings")
RESULTS = ROOT / "experiments" / "results" / "real_demo.json"


@pytest.mark.parametrize("name", ["README.md", "docs/real.md"])
def test_the_pages_show_the_kept_run_or_nothing(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    blocks = make_blocks(read_json(RESULTS)) if RESULTS.is_file() else dict.fromkeys(KEYS, "")
    assert fill_blocks(page, blocks) == page


def make_run(folder: Path) -> Path:
    rows = [{"text1": f"text {i}", "text2": None, "label": "a" if i % 2 else "b"} for i in range(4)]
    metrics: dict[str, Any] = {
        "seconds": {"tuning dawgen": 61.0, "writing": 30.0},
        "methods": {"dawgen": {"accuracy": 0.5, "n_test": 4, "seconds": 9.0, "macro_f1": 0.4}},
        "synthetic": {"generated": 4, "kept": 3, "dropped": {"duplicate": 1}},
        "warnings": ["a probe would do"],
    }
    (folder / "synthetic" / "raw").mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    raw = [row | {"finished": True, "tokens": 3, "logp": None} for row in rows]
    for name, lines in (
        ("raw/shard-00000.jsonl", raw),
        ("train.jsonl", rows[:3]),
        ("dropped.jsonl", [rows[3] | {"reason": "duplicate"}]),
    ):
        (folder / "synthetic" / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_facts_are_those_of_the_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("label words: a\npredicted: tuning 60 s, in all about 2 min\ntuning: 61 s\n")
    facts = gather_facts(make_run(tmp_path / "run"), log, "two cores")
    blocks = make_blocks(facts)
    assert tuple(blocks) == KEYS
    assert blocks["real-time"] == (
        "    predicted: tuning 60 s, in all about 2 min\n"
        "    measured:  tuning 61 s, writing 30 s, 1 methods 9.0 s, in all 100 s (two cores)\n"
    )
    assert facts["written"] == [
        ["b", "kept", "text 0"],
        ["b", "kept", "text 2"],
        ["a", "kept", "text 1"],
        ["a", "duplicate", "text 3"],
    ]
    assert "dawgen 50.0" in str(blocks["real"])
    log.write_text("nothing")
    with pytest.raises(DataError, match="predicted"):
        gather_facts(tmp_path / "run", log, "")
