"""The cells of a grid: those of each row of the results, and those that other cells need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any, TypeVar

from dawgen.bench.arms import find_job, find_kind, has_size
from dawgen.bench.grid import FILES, SETS, Block, Grid, Value, fill_name, name_set
from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.errors import ConfigError
from dawgen.generator.api.saved import check_served
from dawgen.methods.table import METHODS
from dawgen.report.grid.arms import Arm
from dawgen.scenes import LABELS
from dawgen.tasks import Task

Cell = SetCell | PromptCell
C = TypeVar("C", SetCell, PromptCell)


@dataclass(frozen=True, slots=True)
class Row:
    """The columns that name a row of the results; multiple: None for an arm without a size.

    data: which set, "" for what curation kept of the arm's own and for an arm without a set. sweep: the swept settings
    on which the arm depends, with their values.
    """

    task: str
    target: str
    method: str
    schedule: str
    surgery: str
    shots: int
    multiple: float | None
    seed: int
    data: str = ""
    sweep: tuple[tuple[str, Value], ...] = ()

    @property
    def arm(self) -> Arm:
        """The row's arm."""
        return Arm(self.method, self.schedule, self.surgery)

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name; data and sweep where they say something."""
        found = asdict(self) | {"sweep": dict(self.sweep)}
        return {name: value for name, value in found.items() if value or name not in ("data", "sweep")}


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
    config: RunConfig  # of the block, with the changes
    row: Row
    size: float  # the multiple, also where the row does not say it
    changes: Mapping[str, Value]
    file: str | None = None  # the set's, where it takes the place of a generator's

    @property
    def per_label(self) -> int:
        """Synthetic examples of each label."""
        return round(self.size * self.row.shots)

    @property
    def writes(self) -> bool:
        """Whether a generator writes a set for it."""
        return find_kind(self.row.arm) is not None and self.file is None


def make_plan(grid: Grid) -> Plan:
    """Return all cells of a grid. One set of the largest multiple serves all smaller ones of its task and seed.

    Raises:
        ConfigError: SPoT without a task to take prompts from; an arm of api without a server, or another with one.
    """
    plan = Plan(grid)
    points = list(_list_points(grid))
    # With per_label=1 the key names a set whatever its size. Sets that differ in size alone are one family: only the
    # largest is generated, and smaller sizes take its first rows.
    sizes: dict[str, int] = {}
    for point in points:
        if point.writes:
            family = _make_set(grid, point, per_label=1).key
            sizes[family] = max(sizes.get(family, 0), point.per_label)
    for point in points:
        cell = plan.add(_make_cell(plan, point, sizes))
        known = plan.rows.setdefault(point.row, [])  # blocks may name the same cell
        if all(cell is not other for other in known):
            known.append(cell)
    return plan


def _list_points(grid: Grid) -> Iterator[_Point]:
    for block in grid.blocks:
        moved = _find_moved(grid, block) if block.sweep else set()
        for changes in block.list_changes():
            for point in _list_block(grid, block, changes):
                row = point.row
                swept = tuple(item for item in changes.items() if (item[0], row.arm, row.data) in moved)
                yield replace(point, row=replace(row, sweep=swept))


def _list_block(grid: Grid, block: Block, changes: Mapping[str, Value]) -> Iterator[_Point]:
    """Yield a block's product at one combination of its swept settings, which rows do not name yet."""
    config, arms = grid.resolve(block, changes), block.list_arms()
    names = [Task.load(name).name for name in block.tasks]
    for (task, name), target, shots, multiple, arm, seed in product(
        zip(block.tasks, names, strict=True), block.targets, block.shots, block.multiples, arms, block.seeds
    ):
        sized = multiple if has_size(arm) else None
        # Arms without a size do not depend on it.
        if sized is None and multiple != block.multiples[0]:
            continue
        row = Row(name, target, arm.method, arm.schedule, arm.surgery, shots, sized, seed)
        point = _Point(block, fill_config(grid, config, task, shots, seed), row, multiple, changes)
        for text in block.sets if find_kind(arm) is not None else ("curated",):
            file = None if text in SETS else fill_name(text, name, seed, shots)
            yield replace(point, row=replace(row, data="" if text == "curated" else name_set(text)), file=file)


def _find_moved(grid: Grid, block: Block) -> set[tuple[str, Arm, str]]:
    """Return which swept settings change which arms on which sets: cells' names say on what they depend."""
    sizes = defaultdict[str, int](lambda: 1)  # on which settings a cell depends is the same for all sizes

    def name_cells(changes: Mapping[str, Value]) -> dict[Row, str]:
        return {point.row: _make_cell(Plan(grid), point, sizes).key for point in _list_block(grid, block, changes)}

    base = name_cells({})
    return {
        (name, row.arm, row.data)
        for name, values in block.sweep.items()
        for value in values
        for row, key in name_cells({name: value}).items()
        if key != base[row]
    }


def fill_config(grid: Grid, config: RunConfig, task: str, shots: int, seed: int) -> RunConfig:
    """Return a block's settings for a task, with its files, and a seed."""
    update: dict[str, Any] = {"task": task, "shots": shots, "seed": seed}
    if (files := grid.tasks.get(task)) is not None:
        update |= {name: getattr(files, name) for name in (*FILES, "columns")}
    return config.model_copy(update=update)


def _make_set(grid: Grid, point: _Point, per_label: int) -> SetCell:
    arm = point.row.arm
    generator = point.config.generator.model_copy(update={"kind": find_kind(arm)})
    try:
        check_served(generator)
    except ConfigError as error:
        advice = "Arms of api stand in a block of their own, with generator.url and generator.model in its settings."
        raise ConfigError(f"arm {arm.name!r}: {error}\n{advice}") from error
    config = point.config.model_copy(update={"generator": generator, "per_label": per_label})
    return SetCell(config, likeliest=arm.method == "zero_generation")


def _make_cell(plan: Plan, point: _Point, sizes: Mapping[str, int]) -> PromptCell:
    grid, row, config = plan.grid, point.row, point.config
    method, changes = find_job(row.arm)
    target = config.target.model_copy(update={"model": row.target} | changes)
    update: dict[str, Any] = {"target": target}
    if row.multiple is not None:
        update["per_label"] = point.per_label
    config = config.model_copy(update=update)
    files = grid.tasks.get(str(config.task))
    rows = files.test_rows if files else None
    if find_kind(row.arm) is not None:
        if point.file is not None:
            return PromptCell(config, method, given=point.file, take=point.per_label, test_rows=rows)
        family = _make_set(grid, point, per_label=1).key
        made = plan.add(_make_set(grid, point, per_label=sizes[family]))
        plan.sets.setdefault(made.key, row)
        source = f"{made.place}/{'raw' if row.data else 'train.jsonl'}"
        return PromptCell(config, method, source, take=point.per_label, test_rows=rows)
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
    config = fill_config(plan.grid, plan.grid.resolve(point.block, point.changes), task, row.shots, row.seed)
    target = config.target.model_copy(update={"model": row.target})
    config = config.model_copy(update={"target": target, "per_label": round(largest * row.shots)})
    files = plan.grid.tasks.get(task)
    return plan.add(PromptCell(config, "gold", test_rows=files.test_rows if files else None, keep=True))
