"""`dawgen bench`: plans the cells of a grid, predicts their time, runs them, and writes the results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from dawgen.bench.plan import Cell, Plan
from dawgen.bench.predict import Times, predict_cells
from dawgen.bench.prompts import TEXTS
from dawgen.bench.results import collect_results, read_numbers, write_results
from dawgen.bench.sets import SetCell
from dawgen.engine.engine import Engine
from dawgen.engine.schedule import run_all
from dawgen.engine.storage import Store
from dawgen.report.grid.arms import Arm

EVERY = 20  # cells after which results and the remaining time are written

Say = Callable[[str], object]


@dataclass(frozen=True)
class Outlook:
    """The work to do. cells: all requested ones. missing: those without files. times: of the missing."""

    cells: list[Cell]
    missing: list[Cell]
    times: Times

    def list_kinds(self) -> Iterator[tuple[str, int, int, float | None]]:
        """Yield kind, cells, cells to run and predicted seconds (None: not predicted) of sets and of each method."""
        kinds: dict[str, list[Cell]] = {}
        for cell in self.cells:
            kinds.setdefault(_name_kind(cell), []).append(cell)
        left = {cell.key for cell in self.missing}
        for kind, cells in sorted(kinds.items(), key=lambda item: not item[0].startswith("set")):
            keys = [cell.key for cell in cells if cell.key in left]
            known = all(key in self.times.seconds for key in keys)
            yield kind, len(cells), len(keys), sum(self.times.seconds[key] for key in keys) if known else None


def look_ahead(plan: Plan, store: Store, arms: Iterable[Arm] | None = None, *, fresh: bool = False) -> Outlook:
    """Return the work to do, with predicted times. fresh: as if no cell were there."""
    cells = plan.choose(arms)
    missing = [cell for cell in cells if fresh or not cell.is_done(store)]
    return Outlook(cells, missing, predict_cells(missing))


def run_grid(plan: Plan, outlook: Outlook, store: Store, engine: Engine, name: str, say: Say) -> dict[str, Any]:
    """Run the missing cells and return what results.json holds, which is written after every 20 cells and last.

    name: the engine's, for the record. say: gets lines about failures and time.
    """
    store.write_text("grid.yaml", yaml.safe_dump(plan.grid.describe(), sort_keys=False))
    numbers, progress = read_numbers(plan, store), _Progress(outlook, engine.slots)

    def end(cell: Cell, found: dict[str, Any]) -> None:
        numbers[cell.key] = found
        if "error" in found:
            say(f"failed: {describe_cell(cell)}: {found['error']}")
        progress.done.append(cell)
        if len(progress.done) % EVERY == 0:
            write_results(store, collect_results(plan, numbers, name))
            say(progress.describe())

    run_all(outlook.cells, store, engine, seconds=outlook.times.seconds, ended=end)
    results = collect_results(plan, numbers, name)
    write_results(store, results)
    if store.folder is not None:
        store.remove(TEXTS)
    return results


def describe_cell(cell: Cell) -> str:
    """Return in words which cell it is."""
    config = cell.config
    what = f"{config.generator.kind} set" if isinstance(cell, SetCell) else f"{cell.method} on {config.target.model}"
    return f"{what}, {config.task}, {config.shots} shots, seed {config.seed}"


@dataclass
class _Progress:
    outlook: Outlook
    slots: int
    done: list[Cell] = field(default_factory=list)
    begin: float = field(default_factory=time.perf_counter)

    def describe(self) -> str:
        """Return the progress of the grid; the remaining time is estimated from that of the finished cells."""
        seconds, passed = self.outlook.times.seconds, time.perf_counter() - self.begin
        known = sum(seconds.get(cell.key, 0.0) for cell in self.done)
        text = f"{len(self.done)} of {len(self.outlook.missing)} cells, {passed / 60:.1f} min"
        left = self.outlook.times.total - known
        return f"{text}, about {passed * left / known / 60:.0f} min to go" if known else text


def _name_kind(cell: Cell) -> str:
    return f"set: {cell.config.generator.kind}" if isinstance(cell, SetCell) else cell.method
