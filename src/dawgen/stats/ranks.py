"""Wilcoxon's signed-rank test, two-sided, without the ties (differences of zero)."""

import math
from collections.abc import Iterable

from scipy.stats import wilcoxon


def find_rank_p(gaps: Iterable[float]) -> float:
    """Return p of the differences, nan where all are zero or there are none.

    The test assumes that they are independent. With n differences p cannot be below 2 / 2^n.
    """
    # Rounded, as 0.7 - 0.6 and 0.6 - 0.5 must tie in the ranks.
    moved = [gap for gap in (round(gap, 12) for gap in gaps) if gap != 0]
    return float(wilcoxon(moved).pvalue) if moved else math.nan
