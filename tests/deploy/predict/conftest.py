"""A bundle on a tiny model on disk, and rows for it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dawgen.classifier.estimator import PromptClassifier
from support.targets import make_pairs, make_task
from support.tiny import save_tiny


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    model = str(save_tiny("t5", folder / "t5"))
    classifier = PromptClassifier(model, make_task(), steps=3, prompt_length=3, batch_size=4, max_tokens=40)
    classifier.fit(make_pairs(8)).save(folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Return 50 different rows with an id and a label that came with them."""
    pairs = make_pairs(50, seed=5)
    return [
        {"id": number, "text1": pair.text1, "text2": f"{pair.text2} {number}", "label": "old"}
        for number, pair in enumerate(pairs)
    ]


@pytest.fixture
def source(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    return write_lines(tmp_path / "in.jsonl", rows)


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
