"""A machine described by three figures, and the time that counted work takes on it.

t = calls * overhead + max(flops / rate, bytes / bandwidth)      on a CPU, where calls and arithmetic take turns
t = max(calls * overhead, flops / rate, bytes / bandwidth)       on a GPU, which computes while the next is called
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from dawgen.cost.counts import Counts, Work
from dawgen.cost.shape import Shape

LARGE = 1 << 25  # bytes of the copy that measures bandwidth: more than the caches of one core hold
TOKENS = 512  # rows of the product that measures the rate
WIDE = (2048, 8192)  # most of its other dimensions: wider ones are not faster, and take seconds


@dataclass(frozen=True, slots=True)
class Machine:
    """rate: FLOP/s of matrix products. bandwidth: bytes/s. overhead: seconds of one call. name: for the table."""

    name: str
    rate: float
    bandwidth: float
    overhead: float
    queues: bool = False  # whether calls are queued, as on a GPU

    def time(self, counts: Counts) -> float:
        """Return the seconds that one pass takes."""
        moving = max(counts.flops / self.rate, counts.bytes / self.bandwidth)
        calling = counts.calls * self.overhead
        return max(moving, calling) if self.queues else moving + calling

    def time_work(self, work: Work) -> float:
        """Return the seconds of all passes."""
        return sum(self.time(counts) * times for counts, times in work)


# The assumption before anything is measured: one core of a server, and kernel calls from Python.
ORDINARY = Machine("an ordinary core", rate=4e10, bandwidth=1e10, overhead=5e-6)


def measure_machine(shape: Shape, device: str, dtype: torch.dtype, seconds: float) -> Machine:
    """Measure the three figures within about `seconds`: the rate at the model's own feed-forward product."""
    with torch.no_grad():
        width, inner = min(shape.width, WIDE[0]), min(shape.feed_forward, WIDE[1])
        source = torch.full((TOKENS, width), 0.01, dtype=dtype, device=device)
        weight = torch.full((inner, width), 0.01, dtype=dtype, device=device)
        spent = repeat(lambda: nn.functional.linear(source, weight), device, seconds / 3)
        rate = 2 * TOKENS * width * inner / spent
        block = torch.full((LARGE // 4,), 0.01, device=device)
        bandwidth = 2 * LARGE / repeat(lambda: block.clone(), device, seconds / 3)
        small = nn.Sequential(*[nn.Dropout(0.0).eval() for _ in range(20)])
        few = torch.full((8, 8), 0.01, dtype=dtype, device=device)
        overhead = repeat(lambda: _touch(small, few), device, seconds / 3) / 60
    threads = torch.get_num_threads()
    name = torch.cuda.get_device_name() if device.startswith("cuda") else f"{threads} CPU thread{'s' * (threads > 1)}"
    return Machine(name, rate, bandwidth, overhead, queues=device.startswith("cuda"))


def clock(work: Callable[[], Any], device: str) -> float:
    """Return the seconds that `work` takes, until the device has done it."""
    begin = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def repeat(work: Callable[[], Any], device: str, seconds: float) -> float:
    """Return the median time of `work`, done once unmeasured and then for about `seconds`."""
    work()
    found: list[float] = []
    end = time.perf_counter() + seconds
    while not found or time.perf_counter() < end:
        found.append(clock(work, device))
    return median(found)


def _touch(modules: nn.Sequential, value: torch.Tensor) -> torch.Tensor:
    for module in modules:  # a module call, a view and a sum: what a transformer's small passes are made of
        value = module(value).view(8, 8) + value.t()
    return value
