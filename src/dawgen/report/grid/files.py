"""The report's input from a grid's folder: results.json, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dawgen.errors import DataError
from dawgen.report.grid.arms import Arm, describe_variant


@dataclass(frozen=True, slots=True)
class GridRow:
    """One finished cell. Shares in [0, 1]; seconds of wall and processor time; confusion: one row per gold label.

    multiple: synthetic examples per real one, None without a set; data: which set, "" for what curation kept of the
    arm's own; sweep: settings that differ from the grid's; correct: one "0" or "1" per test row; looks: how
    many checkpoints the dev set chose from; trainable: trained numbers; quantisation: of the target's weights, None
    where they are as published; fidelity: share of the set's labels that an oracle confirms; curves: up to 15 windows
    of the training log by field.
    """

    task: str
    target: str
    method: str
    schedule: str
    surgery: str
    shots: int | None
    multiple: int | float | None
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
    quantisation: str | None = None
    data: str = ""
    sweep: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arm(self) -> Arm:
        """What was done, whatever the task, target, size and seed."""
        return Arm(self.method, self.schedule, self.surgery)

    @property
    def name(self) -> tuple[object, ...]:
        """What tells the cell from all others of a grid."""
        variant = describe_variant(self.data, self.sweep)
        return self.task, self.target, self.arm, variant, self.shots, self.multiple, self.seed


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
    sweep: Mapping[str, Any] = field(default_factory=dict)


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
    multiple: int | float | None = None
    data: str = ""
    sweep: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arm(self) -> Arm:
        """What was to be done."""
        return Arm(self.method, self.schedule, self.surgery)


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid's results; every list may be empty.

    baseline: the arm that others are compared with; labels: of each task, in the order of confusion matrices;
    dev_choices: number of settings among which the grid lets the dev set choose, 1 where there is no choice. swept:
    settings that were tried with several values, and the value that each has otherwise. Rows on other sets or with
    other settings than the grid's are `variants`, so that no table of arms mixes them with `rows`.
    """

    name: str
    baseline: str
    environment: Mapping[str, Any]
    labels: Mapping[str, tuple[str, ...]]
    rows: tuple[GridRow, ...]
    sets: tuple[GridSet, ...] = ()
    failed: tuple[GridFailure, ...] = ()
    dev_choices: int = 1
    swept: Mapping[str, Any] = field(default_factory=dict)
    variants: tuple[GridRow, ...] = ()


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
    rows = tuple(row for row in grid.rows if not (row.data or row.sweep))
    variants = tuple(row for row in grid.rows if row.data or row.sweep)
    sets = tuple(one for one in grid.sets if not one.sweep)
    return replace(grid, rows=rows, variants=variants, sets=sets)


@cache
def _make_adapter() -> TypeAdapter[Grid]:
    return TypeAdapter(Grid)


def _check_row(row: GridRow, where: str) -> None:
    for name in ("accuracy", "macro_f1"):
        if not 0 <= getattr(row, name) <= 1:
            raise DataError(f"{where}: expected {name} in [0, 1], got {getattr(row, name)}.")
    if len(row.correct) != row.n_test or set(row.correct) - {"0", "1"}:
        raise DataError(
            f"{where}: expected `correct` to hold a 0 or 1 for each of {row.n_test} test rows, "
            f"got {len(row.correct)} characters."
        )
