"""One target's rows at one size, for tables of methods and tasks to look up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal, TypeVar

from dawgen.report.grid.arms import Arm, shorten_name
from dawgen.report.grid.files import Grid, GridRow
from dawgen.report.table.text import count_synthetic, write_slug

N = TypeVar("N", int, float)
Key = tuple[str, int]  # task, seed
Field = Literal["accuracy", "macro_f1"]


@dataclass(frozen=True)
class View:
    """Rows of one target. baseline: the arm that others are compared with, None where it has no rows here.

    shots, multiple: the size of all rows; methods without shots or without a set fit every size.
    """

    target: str
    shots: int | None
    multiple: float | None
    rows: tuple[GridRow, ...]
    baseline: Arm | None
    settings: int  # among which the grid lets the dev set choose

    @cached_property
    def tasks(self) -> list[str]:
        """All tasks, in the grid's order."""
        return list(dict.fromkeys(row.task for row in self.rows))

    @cached_property
    def arms(self) -> list[Arm]:
        """All arms, in the order of tables."""
        return sorted(self._by_arm, key=lambda arm: arm.place)

    @cached_property
    def _by_arm(self) -> dict[Arm, dict[Key, GridRow]]:
        found: dict[Arm, dict[Key, GridRow]] = {}
        for row in self.rows:
            found.setdefault(row.arm, {})[row.task, row.seed] = row
        return found

    @property
    def slug(self) -> str:
        """The target's name, for keys of tables."""
        return write_slug(self.target)

    @property
    def size(self) -> str:
        """The size in words."""
        shots = "" if self.shots is None else f"{self.shots} shots per label"
        synthetic = "" if self.multiple is None else count_synthetic(self.multiple)
        return ", ".join(part for part in (shots, synthetic) if part)

    def get_rows(self, arm: Arm) -> dict[Key, GridRow]:
        """Return an arm's rows by task and seed."""
        return self._by_arm.get(arm, {})

    def get_seeds(self, task: str) -> list[int]:
        """Return the seeds that any arm has on a task."""
        return sorted({row.seed for row in self.rows if row.task == task})

    def list_values(self, arm: Arm, task: str, field: Field = "accuracy") -> list[float]:
        """Return an arm's shares on a task, one per seed; of an arm that no seed changes, only one."""
        values = [getattr(row, field) for (name, _), row in sorted(self.get_rows(arm).items()) if name == task]
        return _collapse(arm, values)

    def pick_pairs(self, arm: Arm, field: Field = "accuracy") -> dict[Key, float]:
        """Return shares to compare by task and seed; those that no seed changes stand for every seed of their task."""
        found: dict[Key, float] = {key: getattr(row, field) for key, row in self.get_rows(arm).items()}
        if arm.fixed:
            for task, value in {task: value for (task, _), value in found.items()}.items():
                found = {(task, seed): value for seed in self.get_seeds(task)} | found
        return found

    def average_tasks(self, arm: Arm, tasks: Sequence[str], field: Field = "accuracy") -> list[float]:
        """Return the mean over the tasks for each seed that has them all; one value where no seed changes it."""
        values = self.pick_pairs(arm, field)
        seeds = sorted({seed for _, seed in values})
        complete = [seed for seed in seeds if all((task, seed) in values for task in tasks)]
        return _collapse(arm, [fmean(values[task, seed] for task in tasks) for seed in complete])


def list_targets(grid: Grid) -> list[str]:
    """Return the targets in the grid's order."""
    return list(dict.fromkeys(row.target for row in grid.rows))


def make_view(grid: Grid, target: str) -> View:
    """Return a target's rows at its main size: the shots, then the multiple, that most of its cells have."""
    rows = [row for row in grid.rows if row.target == target]
    shots = find_most(row.shots for row in rows)
    rows = [row for row in rows if row.shots in (None, 0, shots)]
    multiple = find_most(row.multiple for row in rows)
    rows = [row for row in rows if row.multiple in (None, multiple)]
    base = [row.arm for row in rows if row.arm.name == shorten_name(grid.baseline)]
    return View(target, shots, multiple, tuple(rows), base[0] if base else None, grid.dev_choices)


def find_most(values: Iterable[N | None]) -> N | None:
    """Return the most frequent number, the smaller one of equals, None without any."""
    counts = Counter(value for value in values if value)
    return min(counts, key=lambda value: (-counts[value], value)) if counts else None


def _collapse(arm: Arm, values: list[float]) -> list[float]:
    """Return one value where no seed changes it: a spread of zero would look like certainty."""
    return values[:1] if arm.fixed and len(set(values)) == 1 else values
