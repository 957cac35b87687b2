"""The machine that a job runs on: threads, CPUs, quota and device."""

import os
from pathlib import Path

import torch


def set_threads(threads: int | None, otherwise: int | None = None) -> int:
    """Set and return PyTorch's number of threads: the given one, OMP_NUM_THREADS, `otherwise`, or one for each CPU."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    count = threads or (int(said) if said.isdigit() else 0) or otherwise or count_cpus()
    torch.set_num_threads(count)
    return count


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


def pick_device() -> str:
    """Return "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"
