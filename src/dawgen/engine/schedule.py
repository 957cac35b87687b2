"""Runs pieces of work in the order of their needs, the longest chain first, until each has its file or has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dawgen.engine.work import Work, read_work

if TYPE_CHECKING:
    from dawgen.engine.engine import Engine
    from dawgen.engine.storage import Store

W = TypeVar("W", bound=Work)


def run_all(
    pieces: Iterable[W],
    store: Store,
    engine: Engine,
    *,
    seconds: Mapping[str, float] | None = None,
    ended: Callable[[W, dict[str, Any]], object] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the numbers of all pieces by their keys; those that have no file yet are run first.

    A piece that fails, or whose needs failed, has {"error": reason} for its numbers and is tried again next time.
    seconds: the expected time of each, by key. ended: called after each piece that was run.
    """
    wanted = {work.key: work for work in pieces}
    waiting = {key: work for key, work in wanted.items() if not work.is_done(store)}
    urgency = rank_work(waiting, seconds or {})
    failed: dict[str, dict[str, Any]] = {}
    running: set[str] = set()

    def end(key: str, numbers: dict[str, Any]) -> None:
        if "error" in numbers:
            failed[key] = numbers
        if ended is not None:
            ended(wanted[key], numbers)

    while waiting or running:
        # One at a time: a piece that cannot run dooms those that need it in turn, and each is reported.
        while doomed := [(key, need) for key, work in waiting.items() for need in work.needs if need in failed]:
            key, need = doomed[0]
            del waiting[key]
            end(key, {"error": f"its {wanted[need].folder[:-1]} {need} failed: {failed[need]['error']}"})
        open_ = [key for key, work in waiting.items() if not any(n in waiting or n in running for n in work.needs)]
        # The longest chain first: begun last, it would run alone on one worker at the end.
        for key in sorted(open_, key=lambda key: -urgency[key])[: max(0, engine.slots - len(running))]:
            engine.start(waiting.pop(key), store)
            running.add(key)
        if running:
            key, numbers = engine.wait()
            running.remove(key)
            end(key, numbers)
    return {key: failed.get(key) or read_work(store, work.file) for key, work in wanted.items()}


def rank_work(pieces: Mapping[str, Work], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return for each piece the seconds of the longest chain from it: its own, and those of pieces that need it."""
    followers: dict[str, list[str]] = {key: [] for key in pieces}
    for key, work in pieces.items():
        for need in work.needs:
            if need in followers:
                followers[need].append(key)
    ranks: dict[str, float] = {}

    def rank(key: str) -> float:
        if key not in ranks:
            ranks[key] = seconds.get(key, 1.0) + max(map(rank, followers[key]), default=0.0)
        return ranks[key]

    for key in pieces:
        rank(key)
    return ranks
