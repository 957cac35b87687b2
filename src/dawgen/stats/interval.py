"""Student's interval of a mean: mean -+ t(1 - (1 - level) / 2; n - 1) * s / sqrt(n), s the sample deviation."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from scipy.special import stdtrit


def find_t_interval(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float] | None:
    """Return the interval of the mean of independent values, or None below two of them.

    Over seeds it says how far the mean would move with other seeds, on the same test rows.
    """
    if len(values) < 2:
        return None
    reach = float(stdtrit(len(values) - 1, 0.5 + level / 2)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach
