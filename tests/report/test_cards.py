"""The dataset card: what it says, and that `datasets` reads the folder through it."""

import json

import datasets
import pytest
import yaml

from dawgen.report.cards import render_card, write_card
from run_folders import write_rows

FACTS = {
    "task": "mrpc",
    "labels": {"equivalent": 2, "not|equivalent": 1},
    "pair": True,
    "generator": {"model": "mini-ctrl", "revision": "abc123", "kind": "dawgen"},
    "shots": 16,
    "seed": 13,
    "generated": 9,
    "surplus": 1,
    "dropped": {"copy": 4, "posterior": 1},
    "label_fidelity": None,
}


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def test_datasets_reads_the_folder_and_takes_kept_rows_only(tmp_path, offline):
    rows = [{"text1": "a", "text2": "b", "label": "equivalent"}] * 3
    write_rows(tmp_path / "synthetic" / "train.jsonl", rows)
    write_rows(tmp_path / "synthetic" / "dropped.jsonl", [rows[0] | {"reason": "copy"}])
    write_card(tmp_path / "synthetic" / "README.md", FACTS)
    found = datasets.load_dataset(str(tmp_path / "synthetic"), cache_dir=str(offline))
    assert list(found) == ["train"]
    assert list(found["train"]) == rows


def test_the_front_matter_says_synthetic_and_follows_the_seed_data():
    front = yaml.safe_load(render_card(FACTS).split("---\n")[1])
    assert "synthetic" in front["tags"]
    assert (front["license"], front["license_name"]) == ("other", "unknown-follows-the-seed-data")
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "train.jsonl"}]


def test_the_card_names_counts_filters_and_generator():
    card = render_card(FACTS)
    for part in (
        "3 examples in `train.jsonl`",
        "| equivalent | 2 |",
        r"| not\|equivalent | 1 |",
        "mini-ctrl, revision abc123, kind `dawgen`",
        "16 labelled examples per label, seed 13",
        "9 candidates, of which 1 sound ones",
        "| copy | 4 | text2 repeats text1 verbatim |",
        "Label fidelity: not measured",
    ):
        assert part in card
    assert card == render_card(json.loads(json.dumps(FACTS)))


def test_a_card_needs_only_task_and_labels():
    card = render_card({"task": "mine", "labels": {"a": 1}, "pair": False})
    assert "unknown, revision not known" in card
    assert "`text1`, `label`" in card
    assert "Nothing." in card
