"""The workers that label shards: this process, others on this machine, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dawgen.engine.work import run_work
from dawgen.errors import ConfigError, DawgenError
from dawgen.runtime import count_cpus, find_free_memory

if TYPE_CHECKING:
    from dawgen.deploy.predict.shard import Shard
    from dawgen.engine.engine import Engine
    from dawgen.engine.storage import Store
    from dawgen.engine.work import Work

SHARDS_PER_WORKER = 4  # a process takes seconds to start, which is not worth it for few shards
OWN_BYTES = 700 << 20  # of a process beside its weights: Python, PyTorch, transformers, one batch
UNKNOWN = 8 << 30  # bytes of memory that are taken for free where the system does not say it


class HereEngine:
    """Runs one shard at a time in this process, which has the model loaded."""

    slots = 1

    def __init__(self) -> None:
        self._ended: list[tuple[str, dict[str, Any]]] = []

    def start(self, work: Work, store: Store) -> None:
        """Run a shard."""
        self._ended.append((work.key, run_work(work, store)))

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Return the key and numbers of the shard that was run."""
        return self._ended.pop()

    def close(self) -> None:
        """Do nothing: this engine holds nothing."""


@contextmanager
def open_workers(engine: str, workers: int, address: str, gpus: float) -> Iterator[Engine]:
    """Yield the engine of that name, closed at the end."""
    runner: Engine
    if engine == "ray":
        from dawgen.engine.on_ray import RayEngine

        runner = RayEngine(address, gpus=gpus, jobs=workers)
    elif workers == 1:
        runner = HereEngine()
    else:
        from dawgen.engine.local import LocalEngine

        runner = LocalEngine(workers)
    try:
        yield runner
    finally:
        runner.close()


def run_shards(shards: Iterable[Shard], store: Store, engine: Engine) -> Iterator[dict[str, Any]]:
    """Yield the numbers of shards as they end; no more are in memory than the engine has slots.

    Raises DawgenError with the first shard that fails.
    """
    running = 0
    for shard in shards:
        if running >= engine.slots:
            yield _wait(engine)
            running -= 1
        engine.start(shard, store)
        running += 1
    for _ in range(running):
        yield _wait(engine)


def choose_workers(shards: int, threads: int, weights: int) -> int:
    """Return how many processes to use on the CPUs: as many as have enough to do, and as memory holds.

    weights: bytes of the model's, which every process loads.
    """
    fitting = (find_free_memory() or UNKNOWN) // (2 * weights + OWN_BYTES)
    return max(1, min(count_cpus() // threads, shards // SHARDS_PER_WORKER, fitting))


def _wait(engine: Engine) -> dict[str, Any]:
    key, numbers = engine.wait()
    if "error" in numbers:
        raise DawgenError(
            f"shard {key}: {numbers['error']}\nThe other shards stay; run the same command again to go on."
        )
    return numbers


def check_engine(engine: str, threads: int) -> None:
    """Raise ConfigError for an engine that is not known, or for threads that it has no CPUs for."""
    if engine not in ("local", "ray"):
        raise ConfigError(f"--engine {engine}: expected local or ray.")
    if engine == "ray" and threads != 1:
        raise ConfigError(f"--threads {threads}: expected 1 with --engine ray, whose tasks have one CPU each.")
