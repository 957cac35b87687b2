"""The interval of a difference of two independent estimates from their own intervals (MOVER, Zou and Donner 2008).

For m1 in [l1, u1] and m2 in [l2, u2], d = m1 - m2 lies in

    [d - sqrt((m1 - l1)^2 + (u2 - m2)^2), d + sqrt((u1 - m1)^2 + (m2 - l2)^2)]

which keeps the skew of the two intervals, as those of shares near 0 or 1 have it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval."""

    value: float
    low: float
    high: float


def subtract_estimates(first: Estimate, second: Estimate) -> Estimate:
    """Return first - second; both intervals of the same level, which is that of the result."""
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - below, value + above)
