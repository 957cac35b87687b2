"""The report's input from a grid's folder: results.json, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dawgen.errors import DataError
from dawgen.report.grid.arms import Arm


@dataclass(frozen=True, slots=True)
class GridRow:
    """One finished cell. Shares in [0, 1]; seconds of wall and processor time; confusion: one row per gold label.

    multiple: synthetic examples per real one, None without a set; correct: one "0" or "1" per test row; looks: how
    many checkpoints the dev set chose from; trainable: trained numbers; fidelity: share of the set's labels that an
    oracle confirms; curves: up to 15 windows of the training log by field.
    """

    task: str
    target: str
    method: str
    schedule: str
    surgery: str
    shots: int | None
    multiple: int | None
    seed: int
    key: str
    accuracy: float
    macro_f1: float
    n_test: int
    seconds: float
    confusion: tuple[tuple[int, ...], ...]
    correct: str
    trainable: int | None = None
    cpu_seconds: float | None = None
    dev_accuracy: float | None = None
    n_dev: int | None = None
    looks: int | None = None
    set: str | None = None
    fidelity: float | None = None
    curves: Mapping[str, tuple[float | None, ...]] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def arm(self) -> Arm:
        """What was done, whatever the task, target, size and seed."""
        return Arm(self.method, self.schedule, self.surgery)

    @property
    def name(self) -> tuple[object, ...]:
        """What tells the cell from all others of a grid."""
        return self.task, self.target, self.arm, self.shots, self.multiple, self.seed


@dataclass(frozen=True, slots=True)
class GridSet:
    """One synthetic set. method: the generator; dropped: rows by reason; samples: a few rows of each label."""

    task: str
    method: str
    shots: int
    seed: int
    key: str
    rows: int
    seconds: float
    fidelity: float | None = None
    dropped: Mapping[str, int] | None = None
    samples: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class GridFailure:
    """One cell without a result; sets have no target, schedule and surgery."""

    task: str
    method: str
    seed: int
    error: str
    target: str = ""
    schedule: str = ""
    surgery: str = ""
    shots: int | None = None
    multiple: int | None = None

    @property
    def arm(self) -> Arm:
        """What was to be done."""
        return Arm(self.method, self.schedule, self.surgery)


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid's results; every list may be empty.

    baseline: the arm that others are compared with; labels: of each task, in the order of confusion matrices;
    dev_choices: number of settings among which the grid lets the dev set choose, 1 where there is no choice.
    """

    name: str
    baseline: str
    environment: Mapping[str, Any]
    labels: Mapping[str, tuple[str, ...]]
    rows: tuple[GridRow, ...]
    sets: tuple[GridSet, ...] = ()
    failed: tuple[GridFailure, ...] = ()
    dev_choices: int = 1


def read_grid(folder: Path) -> Grid:
    """Read a grid's folder. Raises DataError if there is no results.json, or it is damaged."""
    path = Path(folder) / "results.json"
    if not path.is_file():
        raise DataError(f"{folder}: expected a grid's folder with results.json; give the --out of dawgen bench.")
    try:
        grid = _make_adapter().validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{path}: {place}: {first['msg']}, got {str(first['input'])[:40]!r}.\nThe file is damaged or of another "
            "version; run dawgen bench again, which reuses all finished cells."
        ) from error
    seen = set()
    for number, row in enumerate(grid.rows):
        where = f"{path}: rows.{number} ({row.task}, {row.arm.name}, seed {row.seed})"
        _check_row(row, where)
        if row.name in seen:
            raise DataError(f"{where}: expected each cell once, got it twice; the file is damaged.")
        seen.add(row.name)
    return grid


@cache
def _make_adapter() -> TypeAdapter[Grid]:
    return TypeAdapter(Grid)


def _check_row(row: GridRow, where: str) -> None:
    for field in ("accuracy", "macro_f1"):
        if not 0 <= getattr(row, field) <= 1:
            raise DataError(f"{where}: expected {field} in [0, 1], got {getattr(row, field)}.")
    if len(row.correct) != row.n_test or set(row.correct) - {"0", "1"}:
        raise DataError(
            f"{where}: expected `correct` to hold a 0 or 1 for each of {row.n_test} test rows, "
            f"got {len(row.correct)} characters."
        )
