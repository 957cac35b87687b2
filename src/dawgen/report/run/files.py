"""The report's input from a run folder; every part but metrics.json may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dawgen.data import FieldFile, parse_fields
from dawgen.errors import DataError
from dawgen.report.run.chances import Answers, read_answers
from dawgen.report.run.metrics import RunMetrics, read_metrics
from dawgen.yaml_text import load_yaml

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The parsed files of one run; a missing file is empty. answers: of trained methods, by name.

    manifest.json is not among them: it is written after the page and holds the page's hash.
    """

    name: str
    config: Fields
    metrics: RunMetrics
    log: list[Fields]
    kept: Sequence[Fields]
    dropped: Sequence[Fields]
    answers: Mapping[str, Answers] = field(default_factory=dict)


def read_run(folder: Path) -> RunFiles:
    """Read a run folder.

    Raises DataError if there is no metrics.json, or a file cannot be parsed.
    """
    metrics = read_metrics(folder)
    return RunFiles(
        name=folder.resolve().name,
        config=read_settings(folder / "config.yaml"),
        metrics=metrics,
        log=read_log(folder / "log.jsonl"),
        kept=_open_jsonl(folder / "synthetic" / "train.jsonl"),
        dropped=_open_jsonl(folder / "synthetic" / "dropped.jsonl"),
        answers=read_answers(folder, metrics),
    )


def read_settings(path: Path) -> Fields:
    """Return the settings of a YAML file; a missing one is empty. Raises DataError for a damaged one."""
    if not path.is_file():
        return {}
    try:
        value = load_yaml(path.read_bytes())
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: expected YAML, it is damaged: {reason}.\nRestore it, or move it away with its folder."
        ) from error
    return value if isinstance(value, dict) else {}


def read_log(path: Path) -> list[Fields]:
    """Return the rows of a log; none for a missing one. Raises DataError, which names the line, for a damaged one."""
    if not path.is_file():
        return []
    # split at "\n" alone: generated texts may hold other characters that str.splitlines takes for line ends
    lines = path.read_bytes().split(b"\n")
    return [parse_fields(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _open_jsonl(path: Path) -> Sequence[Fields]:
    return FieldFile(path) if path.is_file() else []
