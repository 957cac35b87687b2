"""The default engine: processes of one thread on this machine."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any

from dawgen.engine.work import prepare_process, run_work

if TYPE_CHECKING:
    from dawgen.engine.storage import Store
    from dawgen.engine.work import Work

DEATHS = 2  # of processes at the same work, after which it is not tried again


class LocalEngine:
    """Runs as many pieces of work at a time as it has processes; each keeps the models that it has loaded.

    Every process is a pool of its own: when one dies, it is known which work it was running.
    """

    def __init__(self, jobs: int) -> None:
        self.slots = jobs
        self._idle = [_open_pool() for _ in range(jobs)]
        self._running: dict[Future[dict[str, Any]], tuple[ProcessPoolExecutor, Work, Store]] = {}
        self._deaths: dict[str, int] = {}

    def start(self, work: Work, store: Store) -> None:
        """Begin in an idle process."""
        pool = self._idle.pop()
        self._running[pool.submit(run_work, work, store)] = pool, work, store

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Return the key and numbers of what has ended; one whose process died once is run again."""
        while True:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            future = done.pop()
            pool, work, store = self._running.pop(future)
            try:
                numbers = future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=False)
                self._idle.append(_open_pool())
                self._deaths[work.key] = self._deaths.get(work.key, 0) + 1
                if self._deaths[work.key] < DEATHS:
                    self.start(work, store)
                    continue
                return work.key, {"error": f"its process died {DEATHS} times: killed, or out of memory"}
            self._idle.append(pool)
            return work.key, numbers

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
    """End this process when its parent is killed; else it would wait for more work for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
