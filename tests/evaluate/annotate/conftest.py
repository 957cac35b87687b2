"""A prompt on a tiny model on disk, and a session in which its pool is labelled."""

from pathlib import Path
from typing import Any

import pytest

from dawgen.classifier.estimator import PromptClassifier
from dawgen.evaluate.annotate.uncertain import Ask
from dawgen.records import Example
from dawgen.tasks import Task
from support.jobs import make_pairs, write_rows
from support.tiny import save_tiny


@pytest.fixture(scope="session")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    real = [Example(**row) for row in make_pairs(12, seed=1)]
    task = Task.from_examples(real, name="scenes")
    classifier = PromptClassifier(str(save_tiny("t5", folder / "t5")), task, steps=2, prompt_length=3, batch_size=4)
    classifier.fit(real).save(folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def ask(prompt: Path, tmp_path: Path) -> Ask:
    rows = make_pairs(60, seed=2)
    train = write_rows(tmp_path / "train.jsonl", make_pairs(12, seed=1))
    pool = write_rows(tmp_path / "pool.csv", ({"text1": row["text1"], "text2": row["text2"]} for row in rows))
    given: dict[str, Any] = {"pool": str(pool), "train": str(train), "prompt": prompt, "out": tmp_path / "session"}
    return Ask(**given, rows=6)
