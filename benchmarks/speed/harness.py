"""What every benchmark shares: two ways of doing the same work, run A B A B, and the ratios between them."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch

Work = Callable[[], float]  # does the work once and returns how many units that were (steps, examples, ...)


@dataclass(frozen=True)
class Setup:
    """How to measure. big: real sizes (a GPU's), else sizes that a CPU does in minutes."""

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    threads: int = 1
    pairs: int = 5
    big: bool = False


@dataclass(frozen=True)
class Result:
    """One line of results.json. unit ends in "at least" or "at most": which side of `target` the median has to be on.

    Ratios are dawgen's figure over the alternative's: of rates for "at least", of costs for "at most".
    """

    name: str
    against: str
    unit: str
    ratio_median: float
    ratio_min: float
    ratio_max: float
    pairs: int
    target: float
    holds: bool

    @classmethod
    def of(
        cls,
        name: str,
        against: str,
        unit: str,
        ratios: Sequence[float],
        *,
        target: float,
        side: Literal["at least", "at most"],
    ) -> "Result":
        """Judge ratios, one per pair, against a target."""
        middle = median(ratios)
        holds = middle >= target if side == "at least" else middle <= target
        numbers = [float(f"{value:.4g}") for value in (middle, min(ratios), max(ratios))]
        return cls(name, against, f"{unit}, {side}", *numbers, len(ratios), target, holds)

    def as_dict(self) -> dict[str, Any]:
        """Return the line as JSON has it."""
        return asdict(self)


def time_rate(work: Work, device: str) -> float:
    """Return units per second of one run."""
    synchronise(device)
    begin = time.perf_counter()
    units = work()
    synchronise(device)
    return units / (time.perf_counter() - begin)


def compare_rates(ours: Work, theirs: Work, setup: Setup, *, warm_up: bool = True) -> list[float]:
    """Return our units per second over theirs for each of `setup.pairs` pairs, run in turn after an unmeasured one."""
    if warm_up:
        ours()
        theirs()
    ratios = []
    for _ in range(setup.pairs):
        first = time_rate(ours, setup.device)
        ratios.append(first / time_rate(theirs, setup.device))
    return ratios


def compare_costs(ours: Work, theirs: Work, setup: Setup, *, warm_up: bool = True) -> list[float]:
    """Return our seconds per unit over theirs for each pair."""
    return [1 / ratio for ratio in compare_rates(ours, theirs, setup, warm_up=warm_up)]


def synchronise(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def peak_rss() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what the parent held before exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_apart(module: str, *arguments: str) -> str:
    """Run `python -m module arguments` in a process of its own (for its peak memory) and return its last line."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]
