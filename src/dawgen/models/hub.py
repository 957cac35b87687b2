"""The Hugging Face cache of this machine, looked at without the network and without transformers."""

import json
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import constants

from dawgen.hub.ask import ask_hub

_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")
_INDEX = "model.safetensors.index.json"


def find_snapshot(repo: str) -> Path | None:
    """Return the folder of a model that was fetched whole from the hub: config, tokenizer and safetensors; else None.

    repo: OWNER/NAME. Of several revisions it is the one that the hub's `main` was when it was last asked.
    """
    return _find_main(Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}")


def explain_absence(name: str) -> str | None:
    """Return why a model cannot come from the hub; None where it can, or where this machine has some of it already."""
    return ask_hub("model", name, [Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"])


def list_snapshots() -> Iterator[tuple[str, Path]]:
    """Yield name and folder of every model that is whole in the cache."""
    for folder in sorted(Path(constants.HF_HUB_CACHE).glob("models--*")):
        snapshot = _find_main(folder)
        if snapshot is not None:
            yield folder.name.removeprefix("models--").replace("--", "/"), snapshot


def _find_main(folder: Path) -> Path | None:
    try:
        commit = (folder / "refs" / "main").read_text().strip()
    except OSError:
        return None
    snapshot = folder / "snapshots" / commit
    whole = bool(commit) and (snapshot / "config.json").is_file() and list_weights(snapshot)
    return snapshot if whole and any((snapshot / name).is_file() for name in _TOKENIZERS) else None


def list_weights(folder: Path) -> list[Path]:
    """Return a model folder's safetensors, none where one that its index names is missing."""
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    try:
        parts = sorted({*json.loads((folder / _INDEX).read_bytes())["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    files = [folder / Path(str(part)).name for part in parts]
    return files if all(file.is_file() for file in files) else []
