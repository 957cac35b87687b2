"""Correlation of two measures of the same few things, with 95 % intervals by Fisher's z.

    Pearson    tanh(atanh r -+ 1.96 / sqrt(n - 3))
    Spearman   tanh(atanh s -+ 1.96 sqrt((1 + s^2 / 2) / (n - 3)))     Bonett and Wright (2000)

Few ranks often agree by chance: with four things, once in twelve they agree or oppose fully. A Spearman of -+1 is
therefore taken as half a step short of it, where a step, from one exchange of neighbours, is 12 / (n^3 - n).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import pearsonr, spearmanr

FEWEST = 4  # below, n - 3 is not positive: there is no interval
REACH = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Correlation:
    """A coefficient in [-1, 1] of n pairs, and its interval."""

    value: float
    low: float
    high: float
    n: int


def correlate_values(first: Sequence[float], second: Sequence[float]) -> Correlation | None:
    """Return Pearson's correlation, or None below four pairs and where one side is constant."""
    if not _vary(first, second):
        return None
    value = float(pearsonr(first, second).statistic)
    return _surround(value, value, 1 / (len(first) - 3), len(first))


def correlate_ranks(first: Sequence[float], second: Sequence[float]) -> Correlation | None:
    """Return Spearman's correlation, or None below four pairs and where one side is constant."""
    if not _vary(first, second):
        return None
    n, value = len(first), float(spearmanr(first, second).statistic)
    most = 1 - 6 / (n**3 - n)
    centre = max(-most, min(most, value))
    return _surround(value, centre, (1 + centre**2 / 2) / (n - 3), n)


def _vary(first: Sequence[float], second: Sequence[float]) -> bool:
    return len(first) >= FEWEST and len(set(first)) > 1 and len(set(second)) > 1


def _surround(value: float, centre: float, variance: float, n: int) -> Correlation:
    if abs(centre) >= 1:
        return Correlation(value, value, value, n)
    z, reach = math.atanh(centre), REACH * math.sqrt(variance)
    return Correlation(value, min(value, math.tanh(z - reach)), max(value, math.tanh(z + reach)), n)
