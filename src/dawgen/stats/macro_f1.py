"""Macro-F1 from counts: the mean over labels of F1_k = 2 c_kk / (sum_j c_kj + sum_j c_jk), 0 for one without rows.

Test rows drawn with replacement are cells of the confusion matrix drawn with their shares, which is what the interval
does: like `bootstrap_items` it says how far the number would move with other test rows, not with other seeds.
"""

import numpy as np
from numpy.typing import NDArray

from dawgen.stats.bootstrap import DRAWS


def find_macro_f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return macro-F1 of confusion matrices [...,K,K] (rows: truth), [...]."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    marked = confusion.sum(-1) + confusion.sum(-2)
    return np.asarray((2 * right / np.maximum(marked, 1)).mean(-1), dtype=np.float64)


def bootstrap_macro_f1(
    confusion: NDArray[np.int64], rng: np.random.Generator, *, draws: int = DRAWS, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile interval of the macro-F1 of one confusion matrix [K,K] of n >= 1 rows."""
    total = int(confusion.sum())
    times = rng.multinomial(total, confusion.reshape(-1) / total, size=draws).reshape(draws, *confusion.shape)
    low, high = np.quantile(find_macro_f1(times), [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
