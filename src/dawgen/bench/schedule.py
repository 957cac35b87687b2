"""Runs cells in the order of their needs, the longest way first, until each has its file or its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dawgen.bench.cells import Cell
    from dawgen.bench.engine import Engine
    from dawgen.bench.storage import Store

Ended = Callable[["Cell", dict[str, Any]], object]


def run_cells(
    cells: Iterable[Cell],
    store: Store,
    engine: Engine,
    *,
    seconds: Mapping[str, float] | None = None,
    ended: Ended | None = None,
) -> dict[str, dict[str, Any]]:
    """Return every cell's numbers by its key; those without files are run first.

    A cell that fails, or whose set failed, has {"error": reason} for its numbers and is tried again next time.
    seconds: what cells will take, by key. ended: called after each cell that was run.
    """
    wanted = {cell.key: cell for cell in cells}
    waiting = {key: cell for key, cell in wanted.items() if not cell.is_done(store)}
    urgency = rank_cells(waiting, seconds or {})
    failed: dict[str, dict[str, Any]] = {}
    running: set[str] = set()

    def end(key: str, numbers: dict[str, Any]) -> None:
        if "error" in numbers:
            failed[key] = numbers
        if ended is not None:
            ended(wanted[key], numbers)

    while waiting or running:
        while doomed := [(key, need) for key, cell in waiting.items() for need in cell.needs if need in failed]:
            key, need = doomed[0]
            del waiting[key]
            end(key, {"error": f"its {wanted[need].folder[:-1]} {need} failed: {failed[need]['error']}"})
        open_ = [key for key, cell in waiting.items() if not any(n in waiting or n in running for n in cell.needs)]
        for key in sorted(open_, key=lambda key: -urgency[key])[: max(0, engine.slots - len(running))]:
            engine.start(waiting.pop(key), store)
            running.add(key)
        if running:
            key, numbers = engine.wait()
            running.remove(key)
            end(key, numbers)
    return {key: failed.get(key) or store.read_json(cell.file) for key, cell in wanted.items()}


def rank_cells(cells: Mapping[str, Cell], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return for each cell the seconds of the longest way that begins with it: its own and those of what needs it."""
    followers: dict[str, list[str]] = {key: [] for key in cells}
    for key, cell in cells.items():
        for need in cell.needs:
            if need in followers:
                followers[need].append(key)
    ranks: dict[str, float] = {}

    def rank(key: str) -> float:
        if key not in ranks:
            ranks[key] = seconds.get(key, 1.0) + max(map(rank, followers[key]), default=0.0)
        return ranks[key]

    for key in cells:
        rank(key)
    return ranks
