"""What the report reads of a run folder; every part but metrics.json may be missing."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import yaml

from dawgen.errors import DataError

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The parsed files of one run; a missing file is empty.

    manifest.json is not among them: it is written after the page and holds the page's hash.
    """

    name: str
    config: Row
    metrics: Row
    log: list[Row]
    kept: Sequence[Row]
    dropped: Sequence[Row]


class FileRows(Sequence[Row]):
    """The rows of a JSON Lines file of any size, parsed when asked for; in memory are 8 bytes of place each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places, place = array("Q"), 0
        with path.open("rb") as stream:
            for line in stream:
                if line.strip():
                    self._places.append(place)
                place += len(line)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        with self.path.open("rb") as stream:
            stream.seek(self._places[row])
            return _parse(stream.readline().decode(), f"{self.path}:{row + 1}")

    def __iter__(self) -> Iterator[Row]:
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield _parse(line.decode(), f"{self.path}:{number}")


def read_run(folder: Path) -> RunFiles:
    """Read a run folder.

    Raises DataError if there is no metrics.json, or a file cannot be parsed.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        raise DataError(
            f"{folder}: expected a run folder with metrics.json, found none; give the --out of a finished run."
        )
    metrics = _parse(path.read_text(encoding="utf-8"), f"{path}")
    return RunFiles(
        name=folder.resolve().name,
        config=_read_yaml(folder / "config.yaml"),
        metrics=metrics,
        log=_read_jsonl(folder / "log.jsonl"),
        kept=_open_jsonl(folder / "synthetic" / "train.jsonl"),
        dropped=_open_jsonl(folder / "synthetic" / "dropped.jsonl"),
    )


def _read_yaml(path: Path) -> Row:
    if not path.is_file():
        return {}
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DataError(f"{path}: expected YAML, got {error}".replace("\n", " ")) from error
    return value if isinstance(value, dict) else {}


def _open_jsonl(path: Path) -> Sequence[Row]:
    return FileRows(path) if path.is_file() else []


def _read_jsonl(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    # split at "\n" alone: generated texts may hold other characters that str.splitlines takes for line ends
    lines = path.read_text(encoding="utf-8").split("\n")
    return [_parse(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _parse(text: str, place: str) -> Row:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: expected a JSON object, got {text.strip()[:40]!r}; the file is damaged.") from error
    if not isinstance(value, dict):
        raise DataError(f"{place}: expected a JSON object, got {text.strip()[:40]!r}; the file is damaged.")
    return value
