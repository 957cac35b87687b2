"""A model in a Hugging Face cache, as huggingface_hub leaves it there."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def put_in_cache(monkeypatch: pytest.MonkeyPatch, cache: Path, repo: str, model: Path) -> Path:
    """Make a cache that holds the model's folder under the name; returns the snapshot."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    folder = cache / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = folder / "snapshots" / COMMIT
    shutil.copytree(model, snapshot)
    return snapshot
