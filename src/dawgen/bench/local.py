"""The default engine: processes of one thread on this machine."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any

from dawgen.bench.cells import prepare_process, run_cell

if TYPE_CHECKING:
    from dawgen.bench.cells import Cell
    from dawgen.bench.storage import Store

DEATHS = 2  # of a cell's process, after which it is not tried again


class LocalEngine:
    """Runs as many cells at a time as it has processes; each keeps the models that it has loaded.

    Every process is a pool of its own, so that it is known whose cell was running when one dies.
    """

    def __init__(self, jobs: int) -> None:
        self.slots = jobs
        self._idle = [_open_pool() for _ in range(jobs)]
        self._running: dict[Future[dict[str, Any]], tuple[ProcessPoolExecutor, Cell, Store]] = {}
        self._deaths: dict[str, int] = {}

    def start(self, cell: Cell, store: Store) -> None:
        """Begin a cell in an idle process."""
        pool = self._idle.pop()
        self._running[pool.submit(run_cell, cell, store)] = pool, cell, store

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Return the key and numbers of a cell that has ended; one whose process died once is run again."""
        while True:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            future = done.pop()
            pool, cell, store = self._running.pop(future)
            try:
                numbers = future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=False)
                self._idle.append(_open_pool())
                self._deaths[cell.key] = self._deaths.get(cell.key, 0) + 1
                if self._deaths[cell.key] < DEATHS:
                    self.start(cell, store)
                    continue
                return cell.key, {"error": f"its process died {DEATHS} times: killed, or out of memory"}
            self._idle.append(pool)
            return cell.key, numbers

    def close(self) -> None:
        """End all processes, those at work too."""
        for pool in (*self._idle, *(pool for pool, _, _ in self._running.values())):
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
        self._idle, self._running = [], {}


def _open_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin_process)


def _begin_process() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare_process()


def _end_with_parent() -> None:
    """End this process when its parent is killed: its pool would wait for more cells for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
