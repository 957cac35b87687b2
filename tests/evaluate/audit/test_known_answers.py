"""The whole audit where the answer is known: real rows, shuffled words, and a set like FewGen's with its copies."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.classifier.embed import embed_examples
from dawgen.evaluate.audit.c2st import measure_c2st
from dawgen.evaluate.audit.distance import measure_energy, measure_mmd
from dawgen.evaluate.audit.job import Against, Look, Posterior, audit_examples
from dawgen.models.load import Backbone, load_target
from dawgen.records import Example
from dawgen.rng import python_rng, torch_rng
from dawgen.scenes import draw_data
from dawgen.tasks import Task
from support.tiny import save_tiny

TASK = Task.load("scenes-paraphrase")
UNKNOWN = TASK.model_copy(update={"name": "pairs"})  # the same pairs without an oracle
SPLITS = 100
KEYS = [
    *("rows", "labels", "real_rows", "embedding", "copy_share", "copy_share_by_label", "duplicates"),
    *("label_correctness", "mmd", "energy", "c2st", "mauve", "diversity", "artefacts", "leaks", "warnings"),
]


def measure_all(first: torch.Tensor, second: torch.Tensor, seed: int, permutations: int = 99) -> dict[str, float]:
    """Return the p-value of every distance."""
    return {
        "mmd": measure_mmd(first, second, generator=torch_rng(seed, "mmd"), permutations=permutations).p,
        "energy": measure_energy(first, second, generator=torch_rng(seed, "energy"), permutations=permutations).p,
        "c2st": measure_c2st(first, second, seed=seed, permutations=permutations).p,
    }


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_target("mini-t5")


@pytest.fixture(scope="module")
def real() -> list[Example]:
    return list(draw_data("scenes-paraphrase", 3, shots=1, test=160, gold_per_label=1, first_texts=1).test)


def test_real_against_real_is_significant_in_about_one_split_of_twenty(backbone: Backbone, real: list[Example]) -> None:
    vectors = embed_examples(backbone, real, TASK.template)
    alarms = dict.fromkeys(("mmd", "energy", "c2st"), 0)
    for seed in range(SPLITS):
        order = torch.randperm(len(vectors), generator=torch_rng(seed, "split"))
        for name, p in measure_all(vectors[order[:24]], vectors[order[24:60]], seed).items():
            alarms[name] += p <= 0.05
    # 5 expected; 12 or more of 100 come about once in 200 times at 5 %
    assert all(count < 12 for count in alarms.values()), alarms
    assert sum(alarms.values()) > 0


def test_shuffled_words_are_significant(backbone: Backbone, real: list[Example]) -> None:
    vectors = embed_examples(backbone, [*real[:60], *map(shuffle_words, real[60:120])], TASK.template)
    assert all(p == 0.001 for p in measure_all(vectors[:60], vectors[60:], 1, permutations=999).values())


@pytest.fixture(scope="module")
def audits(backbone: Backbone) -> dict[str, dict[str, Any]]:
    """A set of fresh real pairs, and one whose rows of the first label are copies for a third of the set."""
    data = draw_data("scenes-paraphrase", 9, shots=60, test=60, gold_per_label=100, first_texts=1)
    sets = {"fresh": data.train, "copied": [copy_text(row, place) for place, row in enumerate(data.train)]}
    return {
        name: audit_examples(UNKNOWN, rows, Against(data.gold, {"test": data.test}), backbone, Look(13))
        for name, rows in sets.items()
    }


def test_fresh_real_pairs_are_not_flagged(audits: dict[str, dict[str, Any]]) -> None:
    numbers = audits["fresh"]
    assert set(KEYS) <= set(numbers)
    assert numbers["warnings"] == []
    assert numbers["copy_share"] == 0
    assert all(numbers[name]["p"] > 0.01 for name in ("mmd", "energy", "c2st"))
    judged = numbers["label_correctness"]
    assert (judged["source"], judged["judge"]["n_test"]) == ("judge", 60)
    assert judged["value"] > 0.85
    assert json.loads(json.dumps(numbers)) == numbers


def test_copies_as_in_fewgens_mrpc_are_flagged(audits: dict[str, dict[str, Any]]) -> None:
    numbers = audits["copied"]
    assert numbers["copy_share"] == pytest.approx(1 / 3, abs=0.01)
    assert numbers["copy_share_by_label"] == {"equivalent": pytest.approx(2 / 3, abs=0.01), "not_equivalent": 0.0}
    assert any("equivalent" in text and "repeat text1 word for word" in text for text in numbers["warnings"])
    assert audits["fresh"]["copy_share_by_label"] == {"equivalent": 0.0, "not_equivalent": 0.0}


def test_an_oracle_needs_no_judge_and_a_doctor_none(tmp_path: Path, backbone: Backbone, real: list[Example]) -> None:
    rows = [*real[:58], replace(real[58], text2="colourless green ideas"), replace(real[59], text2="no")]
    numbers = audit_examples(TASK, rows, Against(real[60:]), backbone, Look(13))["label_correctness"]
    assert (numbers["source"], numbers["value"], numbers["ungrammatical"]) == ("oracle", 58 / 60, 2 / 60)
    assert numbers["judge"] is None
    tiny = str(save_tiny("t5", tmp_path / "sentences"))
    logp = torch.tensor([[-1.0, -2.0] if row.label == "equivalent" else [-2.0, -1.0] for row in rows]).double().numpy()
    look, posterior = Look(13, tiny, judge=False), Posterior(logp, "generator")
    found = audit_examples(UNKNOWN, rows, Against(real[60:64]), backbone, look, posterior)
    assert found["label_correctness"]["judge"] is None
    assert (found["label_correctness"]["source"], found["embedding"]) == ("posterior", tiny)
    assert found["label_correctness"]["posterior"]["agreement"] == 1.0
    assert found["c2st"] is None  # four real rows are too few for five folds


def test_mauve_is_measured_when_asked_for(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch, real: list[Example]
) -> None:
    monkeypatch.setattr("dawgen.evaluate.audit.mauve.FEWEST", 40)
    against, look = Against(real[60:]), Look(13, mauve=True, judge=False)
    same = audit_examples(UNKNOWN, real[:60], against, backbone, look)["mauve"]
    dull = [replace(row, text2="no") for row in real[:60]]
    other = audit_examples(UNKNOWN, dull, against, backbone, look)["mauve"]
    assert same["value"] > 0.7 > 0.1 > other["value"]
    assert other["rows"] == 60


def shuffle_words(example: Example) -> Example:
    rng = python_rng(0, example.text1)
    texts = {name: text.split() for name, text in asdict(example).items() if name != "label"}
    for words in texts.values():
        rng.shuffle(words)
    return replace(example, **{name: " ".join(words) for name, words in texts.items()})


def copy_text(row: Example, place: int) -> Example:
    return replace(row, text2=row.text1) if row.label == "equivalent" and place % 3 != 0 else row
