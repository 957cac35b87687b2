"""The engine for many machines: cells, and the shards of their sets, as tasks of a Ray cluster (`dawgen[ray]`)."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dawgen
from dawgen.bench.ahead import is_divisible, plan_shards, write_planned
from dawgen.bench.cells import prepare_process, run_cell
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from dawgen.bench.cells import Cell
    from dawgen.bench.storage import Store

RETRIES = 3  # of a task whose worker or node died
QUEUE = 2  # cells begun per place: none waits for this process, and a cluster that grows by itself sees a reason to
PATIENCE = 10  # seconds to wait for the cluster's address to answer
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scikit-learn", "datasketch")  # what numbers depend on

Spent = tuple[float, float]  # seconds: of wall time, of CPU time


@dataclass(frozen=True)
class Site:
    """What a task must find on its machine. folder: where relative paths begin, if it is there; versions by package."""

    folder: str
    versions: dict[str, str]


@dataclass
class Part:
    """A running task. stage: "plan" a set's shards, "shard" write one, "run" the cell itself."""

    stage: str
    cell: Cell
    store: Store


@dataclass
class Round:
    """Shards of a set that are written side by side. left: still to be written. failed: whether one was not."""

    left: int
    failed: bool = False


class RayEngine:
    """Runs each cell as a task with one CPU and `gpus` GPUs (a fraction shares one).

    address: of a running cluster ("auto": the one on this machine or in RAY_ADDRESS; none there: one is started here,
    with `jobs` CPUs or all). Workers get this process's dawgen, and keep the models that they have loaded.

    Before a set, its generator is tuned by a task of its own, and shards that the set is certain to need are written
    by others, as often as there are at least two. Ray runs a task again whose worker or node died.

    Raises ConfigError where Ray is missing or there is no cluster at the address.
    """

    def __init__(self, address: str = "auto", *, gpus: float = 0.0, jobs: int | None = None) -> None:
        self._ray = _import_ray()
        self._owns = not self._ray.is_initialized()
        if self._owns:
            _connect(self._ray, address, gpus, jobs)
        self._gpus = gpus
        self._site = Site(os.getcwd(), _read_versions())
        # With a GPU, Ray would end the worker after each task, and its models with it, were it not for max_calls.
        needs = {"num_cpus": 1, "num_gpus": gpus, "max_retries": RETRIES, "max_calls": 0}
        self._task = self._ray.remote(**needs)(_do_part)
        self._parts: dict[Any, Part] = {}
        self._rounds: dict[str, Round] = {}  # of shards, by the set's key
        self._spent: dict[str, Spent] = {}  # before the set itself, by its key
        self.slots = self._count_slots()

    def start(self, cell: Cell, store: Store) -> None:
        """Begin a cell, or what comes before it."""
        self._submit("plan" if is_divisible(cell) else "run", cell, store)

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Return the key and numbers of a cell that has ended.

        Raises ConfigError where workers and this process do not see the same store, or have other versions.
        """
        while True:
            done, _ = self._ray.wait(list(self._parts), num_returns=1)
            part, result = self._parts.pop(done[0]), self._read(done[0])
            if "stop" in result:
                raise ConfigError(result["stop"])
            self.slots = self._count_slots()
            if part.stage != "run":
                self._go_on(part, result)
                continue
            key = part.cell.key
            if "error" not in result and not part.store.exists(part.cell.file):
                raise ConfigError(
                    f"{part.store.url}: expected {part.cell.file} there, written by a worker, found nothing.\n"
                    "Give as --out a folder or a URL that all machines of the cluster share."
                )
            return key, result

    def close(self) -> None:
        """Cancel what runs, and leave the cluster; one that was started here ends."""
        for task in self._parts:
            self._ray.cancel(task, force=True)
        self._parts = {}
        if self._owns:
            self._ray.shutdown()

    def _go_on(self, part: Part, result: dict[str, Any]) -> None:
        """Begin what comes after a plan or a shard; what failed there fails in the cell too, which says why."""
        cell, store, key = part.cell, part.store, part.cell.key
        before, more = self._spent.get(key, (0.0, 0.0)), result.get("spent", (0.0, 0.0))
        self._spent[key] = spent = before[0] + more[0], before[1] + more[1]
        if part.stage == "plan":
            plan = result.get("plan")
            if plan is None or len(plan.orders) < 2:
                self._submit("run", cell, store, spent)
                return
            self._rounds[key] = Round(len(plan.orders))
            for order in plan.orders:
                self._submit("shard", cell, store, plan.settings, order)
            return
        current = self._rounds[key]
        current.left -= 1
        current.failed |= "error" in result
        if current.left == 0 and current.failed:
            self._submit("run", cell, store, spent)
        elif current.left == 0:
            self._submit("plan", cell, store)

    def _submit(self, stage: str, cell: Cell, store: Store, *more: Any) -> None:
        task = self._task.options(name=f"{stage} {cell.folder} {cell.key}")
        self._parts[task.remote(self._site, stage, cell, store, *more)] = Part(stage, cell, store)

    def _read(self, task: Any) -> dict[str, Any]:
        """Return a task's result; {"error": reason} where it died more often than it is tried again."""
        try:
            result: dict[str, Any] = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:  # before a cell began: what it needs is not there
            return {"error": f"a worker of the cluster could not begin: {error.cause}"}
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            return {"error": f"its worker died {RETRIES + 1} times: {reason}"}
        return result

    def _count_slots(self) -> int:
        total = self._ray.cluster_resources()
        places = total.get("GPU", 0.0) / self._gpus if self._gpus else total.get("CPU", 0.0)
        return max(1, QUEUE * int(places))


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"--engine ray: expected the package ray ({error}). Install dawgen[ray].") from error
    return ray


def _connect(ray: Any, address: str, gpus: float, jobs: int | None) -> None:
    """Join the cluster at the address, or start one here where "auto" finds none."""
    package = str(Path(dawgen.__file__).parent)
    env: dict[str, Any] = {"py_modules": [package], "excludes": ["**/__pycache__"]}
    if not gpus:  # Ray shows all GPUs to tasks that asked for none
        env["env_vars"] = {"CUDA_VISIBLE_DEVICES": ""}
    options: dict[str, Any] = {"runtime_env": env, "log_to_driver": False, "logging_level": "warning"}
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or "auto"
    try:
        if ":" in address:  # Ray itself would try for minutes
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        ray.init(address=address, **options)
    except (OSError, ValueError, RuntimeError) as error:
        if address != "auto" or not isinstance(error, ConnectionError):
            raise ConfigError(f"--address {address}: expected a Ray cluster there: {error}") from error
        ray.init(address="local", num_cpus=jobs, include_dashboard=False, **options)


def _do_part(site: Site, stage: str, cell: Cell, store: Store, *more: Any) -> dict[str, Any]:
    """Do one part of a cell in a worker; returns the cell's numbers, {"plan": ...}, {"error": ...} or {"stop": ...}."""
    _prepare_once()
    if problem := _check(site):
        return {"stop": problem}
    if Path(site.folder).is_dir():
        os.chdir(site.folder)
    if stage == "run":
        return _run_counted(cell, store, *more)
    begin, result = _read_clocks(), dict[str, Any]()
    try:
        if stage == "plan":
            result["plan"] = plan_shards(cell, store)
        else:
            write_planned(cell, store, *more)
    except Exception as error:
        result["error"] = str(error)
    return result | {"spent": tuple(now - then for now, then in zip(_read_clocks(), begin, strict=True))}


def _run_counted(cell: Cell, store: Store, spent: Spent = (0.0, 0.0)) -> dict[str, Any]:
    """Run a cell and add to its seconds those that were spent for it before."""
    numbers = run_cell(cell, store)
    if "error" not in numbers and any(spent):
        for name, seconds in zip(("seconds", "cpu_seconds"), spent, strict=True):
            numbers[name] = round(numbers[name] + seconds, 1)
        store.write_json(cell.file, numbers)
    return numbers


def _read_clocks() -> Spent:
    return time.perf_counter(), time.process_time()


def _check(site: Site) -> str | None:
    """Return in what this machine differs from the one that asks, None where it does not."""
    here = _read_versions()
    changes = [f"{name} {here[name]}, not {wanted}" for name, wanted in site.versions.items() if here[name] != wanted]
    if not changes:
        return None
    return f"a worker of the cluster has {', '.join(changes)}.\nInstall the same versions: numbers depend on them."


def _read_versions() -> dict[str, str]:
    found = dict.fromkeys(PACKAGES, "missing")
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


@cache
def _prepare_once() -> None:
    prepare_process()
