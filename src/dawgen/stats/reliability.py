"""Are probabilities right? The expected calibration error (ECE) of the likeliest label, its noise, and the Brier score.

ECE = sum_b n_b / n * |right_b - sure_b| over M = 15 bins of equal width in (0, 1], by the probability of the likeliest
label: right_b is the share of the bin's rows whose likeliest label is the right one, sure_b the mean of that
probability (Naeini et al. 2015; Guo et al. 2017).

With few rows it is above 0 even where every probability is right, since right_b then misses sure_b by chance:
sqrt(2 / pi) / n * sum_b sqrt(sum_{i in b} p_i (1 - p_i)), the mean of |x| of a normal variable of each bin's variance.

Brier (1950), the sum over labels: mean_i sum_k (p_ik - [y_i = k])^2, from 0 to 2; two labels give twice the number that
scikit-learn gives for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose likeliest label has a probability in (low, high]. n: rows. sure: mean of that probability. right:
    share of the rows where that label is the right one."""

    low: float
    high: float
    n: int
    sure: float
    right: float


def list_bins(sure: ArrayLike, right: ArrayLike, bins: int = BINS) -> list[Bin]:
    """Return the bins that have rows, from low to high. sure: probabilities of the likeliest label [N] in [0, 1].
    right: whether it is the right one, [N]."""
    p, hit = np.asarray(sure, dtype=np.float64), np.asarray(right, dtype=np.float64)
    places = _place(p, bins)
    return [
        Bin(b / bins, (b + 1) / bins, int(own.sum()), float(p[own].mean()), float(hit[own].mean()))
        for b in range(bins)
        if (own := places == b).any()
    ]


def find_ece(sure: ArrayLike, right: ArrayLike, bins: int = BINS) -> float:
    """Return the expected calibration error in [0, 1] of N >= 1 rows; arguments as in `list_bins`."""
    found = list_bins(sure, right, bins)
    return sum(one.n * abs(one.right - one.sure) for one in found) / sum(one.n for one in found)


def find_ece_noise(sure: ArrayLike, bins: int = BINS) -> float:
    """Return about what the ECE of these N >= 1 rows would be on average if their probabilities were right."""
    p = np.asarray(sure, dtype=np.float64)
    variances = np.bincount(_place(p, bins), weights=p * (1 - p), minlength=bins)
    return float(math.sqrt(2 / math.pi) * np.sqrt(variances).sum() / len(p))


def find_brier(chances: ArrayLike, labels: Sequence[int]) -> float:
    """Return the Brier score in [0, 2] of probabilities [N,K], N >= 1, whose rows have these label numbers [N]."""
    p = np.array(chances, dtype=np.float64)
    p[np.arange(len(p)), np.asarray(labels)] -= 1
    return float((p**2).sum(1).mean())


def _place(p: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return the bin of each probability; (low, high], and 0 is in the first."""
    return np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
