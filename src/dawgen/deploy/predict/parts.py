"""OUT.parts: the shards of a file that is being labelled, and their settings.

settings.json         bundle, texts, rows per shard, threads, device, versions; others are refused
shards/000000.json    label numbers and probabilities of the first rows, where they are wanted of all labels
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dawgen.deploy.predict.shard import FOLDER, Worker, name_shard
from dawgen.deploy.predict.source import Facts
from dawgen.engine.work import hash_numbers
from dawgen.errors import ConfigError, DataError
from dawgen.files import describe_changes, read_json, write_json
from dawgen.outputs import NOTES, hold

ANEW = "\nStart again with --fresh."
Predicted = tuple[int, float, Sequence[float]]
PACKAGES = ("torch", "transformers", "tokenizers")  # the probabilities depend on these


class Parts:
    """The folder of a file's shards, to be used inside `hold_parts`. fresh: delete the shards that are there.

    Raises ConfigError if it holds shards that were made with other settings.
    """

    def __init__(self, out: Path, settings: Mapping[str, Any], *, fresh: bool = False) -> None:
        self.folder = find_parts(out)
        path = self.folder / "settings.json"
        if fresh:
            shutil.rmtree(self.folder / FOLDER, ignore_errors=True)
            path.unlink(missing_ok=True)
        if not path.is_file():
            write_json(path, dict(settings))
        elif changes := describe_changes(read_json(path, ANEW), settings):
            raise ConfigError(
                f"{self.folder}: expected the settings that its shards were made with, found changes: {changes}\n"
                "Use the old settings to go on, start again with --fresh, or choose another --out."
            )

    def is_done(self, index: int, rows: int) -> bool:
        """Return whether a shard is there and whole; one that a crash of the machine has damaged is made again."""
        with suppress(OSError, ValueError, LookupError, TypeError, DataError):
            numbers = self.read(index)
            whole = len(numbers["labels"]) == len(numbers["probabilities"]) == rows
            return whole and len(numbers.get("all", numbers["labels"])) == rows
        return False

    def read(self, index: int) -> dict[str, Any]:
        """Return a shard's numbers."""
        path = self.folder / FOLDER / f"{name_shard(index)}.json"
        numbers = read_json(path, ANEW)
        if numbers.get("digest") not in (None, hash_numbers(numbers)):
            raise DataError(f"{path}: expected the shard as it was written, it has changed.{ANEW}")
        return numbers

    def iterate(self, shards: int) -> Iterator[Predicted]:
        """Yield label number, probability and those of all labels, if kept, of every row, in order; one shard is in
        memory."""
        for index in range(shards):
            numbers = self.read(index)
            rows = numbers.get("all") or [()] * len(numbers["labels"])
            yield from zip(numbers["labels"], numbers["probabilities"], rows, strict=True)

    def remove(self) -> None:
        """Delete all that is in the folder but for the lock, which goes with `hold_parts`."""
        shutil.rmtree(self.folder / FOLDER, ignore_errors=True)
        for path in self.folder.iterdir():
            if path.is_file():
                path.unlink()


def find_parts(out: Path) -> Path:
    """Return the folder of an output file's shards: beside it, so that both are on one file system."""
    return out.with_name(f"{out.name}.parts")


@contextmanager
def hold_parts(out: Path) -> Iterator[None]:
    """Keep other processes of this machine from the same shards; a lock ends with its process, however that ends.

    Raises ConfigError if another process holds them, or if other files are in their place.
    """
    folder = find_parts(out)
    if _holds_others(folder):
        raise ConfigError(f"{folder}: expected a folder of shards, found other files. Choose another --out.")
    try:
        with hold(folder, "predict"):
            yield
    finally:
        with suppress(OSError):  # it stays where shards are left
            folder.rmdir()


def make_settings(digest: str, facts: Facts, shard_rows: int, worker: Worker) -> dict[str, Any]:
    """Return everything that a shard's bytes depend on."""
    return {
        "bundle": digest,
        "rows": facts.rows,
        "texts": facts.texts,
        "shard_rows": shard_rows,
        "threads": worker.threads,
        "device": worker.device,
        "versions": {name: version(name) for name in PACKAGES},
        **({"all": True} if worker.every else {}),
    }


def _holds_others(folder: Path) -> bool:
    """Return whether a folder holds another's settings, or without any more than what a killed process leaves."""
    path = folder / "settings.json"
    if path.is_file():
        return not {"bundle", "rows", "texts"} <= read_json(path, " Move its folder away.").keys()
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    return any(name not in ("lock", NOTES) and not name.endswith(".tmp") for name in names)
