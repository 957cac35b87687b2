"""The engine for many machines: each piece of work is a task of a Ray cluster (`dawgen[ray]`)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dawgen
from dawgen.engine.work import prepare_process, run_work
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from dawgen.engine.storage import Store
    from dawgen.engine.work import Work

RETRIES = 3  # of a task whose worker or node died
QUEUE = 2  # pieces begun per place: no place waits for this process, and an autoscaling cluster sees a need to grow
PATIENCE = 10  # seconds to wait for the cluster's address to answer
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scikit-learn", "datasketch")  # numbers depend on these


@dataclass(frozen=True)
class Site:
    """What a task must find on its machine. folder: where relative paths begin, if it is there; versions by package."""

    folder: str
    versions: dict[str, str]


class RayEngine:
    """Does each piece of work as a task with one CPU and `gpus` GPUs (a fraction shares one).

    address: of a running cluster ("auto": the one on this machine or in RAY_ADDRESS; none there: one is started here,
    with `jobs` CPUs or all). Workers get this process's dawgen, and keep the models that they have loaded.

    Ray runs a task again whose worker or node died.

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
        self._task = self._ray.remote(**needs)(_do)
        self._running: dict[Any, tuple[Work, Store]] = {}
        self.slots = self._count_slots()

    def start(self, work: Work, store: Store) -> None:
        """Begin a piece of work."""
        task = self._task.options(name=f"{work.folder} {work.key}")
        self._running[task.remote(self._site, work, store)] = work, store

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Return the key and numbers of what has ended.

        Raises ConfigError where workers and this process do not see the same store, or have other versions.
        """
        done, _ = self._ray.wait(list(self._running), num_returns=1)
        (work, store), result = self._running.pop(done[0]), self._read(done[0])
        if "stop" in result:
            raise ConfigError(result["stop"])
        self.slots = self._count_slots()
        if "error" not in result and not store.exists(work.file):
            raise ConfigError(
                f"{store.url}: expected {work.file} there, written by a worker, found nothing.\n"
                "Give as --out a folder or a URL that all machines of the cluster share."
            )
        return work.key, result

    def close(self) -> None:
        """Cancel what runs, and leave the cluster; one that was started here ends."""
        for task in self._running:
            self._ray.cancel(task, force=True)
        self._running = {}
        if self._owns:
            self._ray.shutdown()

    def _read(self, task: Any) -> dict[str, Any]:
        """Return a task's result; {"error": reason} where it died more often than it is tried again."""
        try:
            result: dict[str, Any] = self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:  # before a work began: what it needs is not there
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
        raise ConfigError(
            f'--engine ray: expected the package ray ({error}).\nInstall it with `pip install "dawgen[ray]"`.'
        ) from error
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


def _do(site: Site, work: Work, store: Store) -> dict[str, Any]:
    """Do a piece of work in a worker; returns its numbers, {"error": reason} or {"stop": reason}."""
    _prepare_once()
    if problem := _check(site):
        return {"stop": problem}
    if Path(site.folder).is_dir():
        os.chdir(site.folder)
    return run_work(work, store)


def _check(site: Site) -> str | None:
    """Return how this machine differs from the one that asks, None if it does not."""
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
