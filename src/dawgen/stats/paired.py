"""Numbers for tables over several seeds: mean and spread, and two arms compared on the same seeds.

All values are shares in [0, 1]; texts show them in percent and points. Spread is the sample standard deviation.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TypeVar

from dawgen.stats.ranks import find_rank_p

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences a - b over the keys that both arms have.

    mean, sd: of the differences; wins, ties: keys where a is higher, and equal; p: of the two-sided Wilcoxon
    signed-rank test without the ties (nan where nothing is left). With 5 keys p cannot be below 0.0625.
    """

    mean: float
    sd: float
    n: int
    wins: int
    ties: int
    p: float

    @property
    def text(self) -> str:
        """Return the comparison as a table's cell, e.g. "+3.2 ± 1.8 (5/5, p 0.062)"; "-" without common keys."""
        if not self.n:
            return "-"
        spread = f" ± {100 * self.sd:.1f}" if self.n > 1 else ""
        ties = f", {self.ties} equal" if self.ties else ""
        p = "" if math.isnan(self.p) else f", p {show_p(self.p)}"
        return f"{100 * self.mean:+.1f}{spread} ({self.wins}/{self.n}{ties}{p})"


def describe(values: Sequence[float]) -> str:
    """Return mean ± sample standard deviation in percent, e.g. "62.4 ± 3.1"; the value alone for one, "-" for none."""
    if not values:
        return "-"
    mean = f"{100 * fmean(values):.1f}"
    return f"{mean} ± {100 * stdev(values):.1f}" if len(values) > 1 else mean


def compare(a: Mapping[Key, float], b: Mapping[Key, float]) -> Comparison:
    """Compare two arms pair by pair over the keys (a seed, or task and seed) that both have."""
    # Rounded, so that differences of a few last bits count as equal.
    gaps = [round(a[key] - b[key], 12) for key in a if key in b]
    if not gaps:
        return Comparison(math.nan, math.nan, 0, 0, 0, math.nan)
    return Comparison(
        mean=fmean(gaps),
        sd=stdev(gaps) if len(gaps) > 1 else math.nan,
        n=len(gaps),
        wins=sum(gap > 0 for gap in gaps),
        ties=sum(gap == 0 for gap in gaps),
        p=find_rank_p(gaps),
    )


def show_way(a: Mapping[Key, float], base: Mapping[Key, float], ceiling: Mapping[Key, float]) -> str:
    """Return mean(a - base) / mean(ceiling - base) over the keys that all three have, e.g. "67%".

    "-" if the ceiling is less than a point above the base: the share of such a small gap means nothing. "below" if `a`
    is below the base.
    """
    keys = [key for key in a if key in base and key in ceiling]
    room = fmean(ceiling[key] - base[key] for key in keys) if keys else 0.0
    if room <= 0.01:
        return "-"
    share = fmean(a[key] - base[key] for key in keys) / room
    return f"{share:.0%}" if share >= 0 else "below"


def show_p(p: float) -> str:
    """Return p with three digits, "< 0.001" below those, "-" for nan."""
    if math.isnan(p):
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def show_percent(share: float | None) -> str:
    """Return a share as a percentage with one digit, None as a dash."""
    return "-" if share is None else f"{100 * share:.1f} %"
