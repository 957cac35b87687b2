"""The machine that a job runs on: threads, CPUs, quota, memory and device."""

import os
from collections.abc import Iterable
from pathlib import Path

import torch

from dawgen.errors import ConfigError, first_line

# Numbers of a model whose matrix products are too small to share: the bundled ones have 1 to 4 million. Beside other
# work two threads made tuning one of them ten times as slow as one thread.
SMALL = 10_000_000
CGROUP = Path("/sys/fs/cgroup")


def set_threads(threads: int | None, otherwise: int | None = None, *, sizes: Iterable[int] = ()) -> int:
    """Set and return PyTorch's number of threads: the given one, OMP_NUM_THREADS, one where all models are small,
    `otherwise`, or one for each CPU.

    sizes: numbers of each model that works.
    """
    count = find_threads(threads, sizes) or otherwise or count_cpus()
    torch.set_num_threads(count)
    return count


def find_threads(threads: int | None, sizes: Iterable[int] = ()) -> int | None:
    """Return the threads that are given or said by OMP_NUM_THREADS, or one where all models are small; else None."""
    said, known = os.environ.get("OMP_NUM_THREADS", ""), list(sizes)
    small = 1 if known and max(known) <= SMALL else None
    return threads or (int(said) if said.isdigit() else 0) or small


def count_cpus() -> int:
    """Return how many CPUs the process may use: by its affinity and, in a container, by its quota."""
    # macOS has no sched_getaffinity.
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(own, read_quota(Path("/sys/fs/cgroup/cpu.max")) or own)


def read_quota(path: Path) -> int | None:
    """Return the CPUs of a container's quota, rounded down to one or more: "200000 100000" is two; None without one."""
    try:
        time, period = path.read_text().split()
        return max(1, int(time) // int(period))
    except (OSError, ValueError):  # no container, another system, or "max"
        return None


def find_free_memory() -> int | None:
    """Return how many bytes of memory processes of this machine, or of this container, may still take.

    What the system would give back (caches of files) counts as free. None where the system does not say it: Linux does
    in /proc/meminfo and its control groups.
    """
    free = [_read_bytes(Path("/proc/meminfo"), "MemAvailable:", 1024)]
    limit, used = (_read_bytes(CGROUP / f"memory.{name}", "", 1) for name in ("max", "current"))
    if limit is not None and used is not None:
        cached = _read_bytes(CGROUP / "memory.stat", "inactive_file", 1) or 0
        free.append(max(0, limit - used + cached))
    return min((value for value in free if value is not None), default=None)


def _read_bytes(path: Path, key: str, unit: int) -> int | None:
    """Return the number behind a key at the beginning of a line, None where there is no file or number."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    words = [line.removeprefix(key).split() for line in lines if line.startswith(key)]
    return int(words[0][0]) * unit if words and words[0] and words[0][0].isdigit() else None


def pick_device() -> str:
    """Return "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def find_device(device: str | torch.device | None) -> str:
    """Return the name of a device that is there; None is a GPU where there is one.

    Raises:
        ConfigError: there is no such device on this machine.
    """
    if device is None:
        return pick_device()
    try:
        if not isinstance(device, (str, torch.device)):
            raise TypeError(f"{type(device).__name__} is no name")
        found = torch.device(device)
        torch.zeros(1, device=found).item()
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:  # by kind of device another one
        there = [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["no GPU"]
        raise ConfigError(
            f"device: expected a device of this machine (cpu, {', '.join(there)}), got {device!r:.60}: "
            f"{first_line(error)}.\nLeave device out: it takes a GPU if there is one."
        ) from error
    return str(found)
