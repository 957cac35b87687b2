"""The cells of a grid: those of each row of the results, and those that other cells need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any, TypeVar

from dawgen.bench.arms import find_job, find_kind, has_size
from dawgen.bench.grid import Block, Grid
from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.errors import ConfigError
from dawgen.methods.table import METHODS
from dawgen.report.grid.arms import Arm
from dawgen.scenes import LABELS
from dawgen.tasks import Task

Cell = SetCell | PromptCell
C = TypeVar("C", SetCell, PromptCell)


@dataclass(frozen=True, slots=True)
class Row:
    """The columns that name a row of the results; multiple: None for an arm without a size."""

    task: str
    target: str
    method: str
    schedule: str
    surgery: str
    shots: int
    multiple: int | None
    seed: int

    @property
    def arm(self) -> Arm:
        """The row's arm."""
        return Arm(self.method, self.schedule, self.surgery)

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name."""
        return asdict(self)


@dataclass
class Plan:
    """rows: the cells of each row, several where blocks differ in settings alone. cells: all cells by key, those that
    others need among them. sets: the row that a set belongs to first (its method is the generator's)."""

    grid: Grid
    rows: dict[Row, list[PromptCell]] = field(default_factory=dict)
    cells: dict[str, Cell] = field(default_factory=dict)
    sets: dict[str, Row] = field(default_factory=dict)

    def add(self, cell: C) -> C:
        """Return the cell of this key that is known, or this one from now on."""
        known = self.cells.setdefault(cell.key, cell)
        assert isinstance(known, type(cell))  # a key says which of the two it is of
        if isinstance(known, PromptCell) and isinstance(cell, PromptCell):
            known.keep |= cell.keep
        return known

    def choose(self, arms: Iterable[Arm] | None) -> list[Cell]:
        """Return the cells of these arms (None: of all), and all that they need."""
        wanted = None if arms is None else set(arms)
        chosen: dict[str, Cell] = {}
        todo: list[Cell] = [
            cell for row, cells in self.rows.items() if wanted is None or row.arm in wanted for cell in cells
        ]
        while todo:
            cell = todo.pop()
            if cell.key not in chosen:
                chosen[cell.key] = cell
                todo += [self.cells[need] for need in cell.needs]
        return [cell for key, cell in self.cells.items() if key in chosen]


@dataclass(frozen=True, slots=True)
class _Point:
    """One point of a block's product."""

    block: Block
    config: RunConfig  # of the block
    row: Row
    size: int  # the multiple, also where the row does not say it


def make_plan(grid: Grid) -> Plan:
    """Return all cells of a grid. One set of the largest multiple serves all smaller ones of its task and seed.

    Raises:
        ConfigError: SPoT without a task to take prompts from.
    """
    plan = Plan(grid)
    points = list(_list_points(grid))
    # With per_label=1 the key names a set whatever its size. Sets that differ in size alone are one family: only the
    # largest is generated, and smaller sizes take its first rows.
    sizes: dict[str, int] = {}
    for point in points:
        if find_kind(point.row.arm) is not None:
            family = _make_set(grid, point, per_label=1).key
            sizes[family] = max(sizes.get(family, 0), point.size)
    for point in points:
        cell = plan.add(_make_cell(plan, point, sizes))
        known = plan.rows.setdefault(point.row, [])  # blocks may name the same cell
        if all(cell is not other for other in known):
            known.append(cell)
    return plan


def _list_points(grid: Grid) -> Iterator[_Point]:
    for block in grid.blocks:
        config = grid.resolve(block)
        arms = block.list_arms()
        names = [Task.load(name).name for name in block.tasks]
        for (task, name), target, shots, multiple, arm, seed in product(
            zip(block.tasks, names, strict=True), block.targets, block.shots, block.multiples, arms, block.seeds
        ):
            sized = multiple if has_size(arm) else None
            row = Row(name, target, arm.method, arm.schedule, arm.surgery, shots, sized, seed)
            # Arms without a size do not depend on it.
            if has_size(arm) or multiple == block.multiples[0]:
                yield _Point(block, fill_config(grid, config, task, shots, seed), row, multiple)


def fill_config(grid: Grid, config: RunConfig, task: str, shots: int, seed: int) -> RunConfig:
    """Return a block's settings for a task, with its files, and a seed."""
    update: dict[str, Any] = {"task": task, "shots": shots, "seed": seed}
    if (files := grid.tasks.get(task)) is not None:
        update |= files.model_dump(exclude={"test_rows"})
    return config.model_copy(update=update)


def _make_set(grid: Grid, point: _Point, per_label: int) -> SetCell:
    arm = point.row.arm
    generator = point.config.generator.model_copy(update={"kind": find_kind(arm)})
    config = point.config.model_copy(update={"generator": generator, "per_label": per_label})
    return SetCell(config, likeliest=arm.method == "zero_generation")


def _make_cell(plan: Plan, point: _Point, sizes: dict[str, int]) -> PromptCell:
    grid, row, config = plan.grid, point.row, point.config
    method, changes = find_job(row.arm)
    target = config.target.model_copy(update={"model": row.target} | changes)
    update: dict[str, Any] = {"target": target}
    if row.multiple is not None:
        update["per_label"] = row.multiple * row.shots
    config = config.model_copy(update=update)
    files = grid.tasks.get(str(config.task))
    rows = files.test_rows if files else None
    if find_kind(row.arm) is not None:
        family = _make_set(grid, point, per_label=1).key
        made = plan.add(_make_set(grid, point, per_label=sizes[family] * row.shots))
        plan.sets.setdefault(made.key, row)
        return PromptCell(config, method, f"{made.place}/train.jsonl", take=config.per_label, test_rows=rows)
    prompts = (
        tuple(_make_source(plan, point, task).place for task in _find_sources(grid, point))
        if METHODS[method].sources
        else ()
    )
    return PromptCell(config, method, prompts=prompts, test_rows=rows)


def _find_sources(grid: Grid, point: _Point) -> list[str]:
    """Return the tasks whose prompts SPoT takes from."""
    named = point.block.sources or [name for block in grid.blocks for name in block.tasks if name in LABELS]
    found = [name for name in dict.fromkeys(named) if name != point.config.task]
    if not found:
        raise ConfigError(f"arm 'spot' on {point.row.task}: expected other tasks to take prompts from; give sources.")
    return found


def _make_source(plan: Plan, point: _Point, task: str) -> PromptCell:
    """Add the gold prompt of another task, which stays in the store."""
    row, largest = point.row, max(point.block.multiples)
    config = fill_config(plan.grid, plan.grid.resolve(point.block), task, row.shots, row.seed)
    target = config.target.model_copy(update={"model": row.target})
    config = config.model_copy(update={"target": target, "per_label": largest * row.shots})
    files = plan.grid.tasks.get(task)
    return plan.add(PromptCell(config, "gold", test_rows=files.test_rows if files else None, keep=True))
