"""Agreement of annotators: Krippendorff's alpha for any number of them, Cohen's kappa for two.

Krippendorff (2011), from counts n_uv of value v among the m_u >= 2 ratings of unit u:

    o_ck = sum_u n_uc (n_uk - [c = k]) / (m_u - 1)      coincidences
    n_c = sum_k o_ck,  n = sum_c n_c
    alpha = 1 - (n - 1) * sum_ck o_ck d_ck / sum_ck n_c n_k d_ck

with d_ck = [c != k] (nominal), (c - k)^2 (interval) or (sum_{g=c..k} n_g - (n_c + n_k) / 2)^2 (ordinal). From counts it
takes V^2 steps per unit, however many ratings there are. 1: as one; 0: as by chance; below 0: they contradict.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np

Level = Literal["nominal", "ordinal", "interval"]
DRAWS = 2_000


def measure_alpha(counts: np.ndarray, level: Level, values: Sequence[float] | None = None) -> float | None:
    """Return alpha, or None where no unit has two ratings or all ratings are the same value.

    counts: [U, V], how often each unit was given each value, values from low to high; units with fewer than two ratings
    are ignored. values: numbers of the V values, needed for `interval`; without them 0, 1, ...
    """
    alpha = float(_find_alphas(_count_coincidences(counts).sum(axis=0, keepdims=True), level, values)[0])
    return None if np.isnan(alpha) else alpha


def bootstrap_alpha(
    counts: np.ndarray,
    level: Level,
    rng: np.random.Generator,
    values: Sequence[float] | None = None,
    *,
    draws: int = DRAWS,
    share: float = 0.95,
) -> tuple[float, float] | None:
    """Return the percentile interval of alpha over units drawn with replacement; the annotators stay as they are.

    Draws in which all ratings are one value have no alpha and are left out. None below two units, and if more than half
    of the draws are left out.
    """
    pairs = _count_coincidences(counts)
    if len(pairs) < 2:
        return None
    times = rng.multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), size=draws)  # [D, U]
    drawn = np.einsum("du,uck->dck", times, pairs, optimize=True)
    alphas = _find_alphas(drawn, level, values)
    alphas = alphas[~np.isnan(alphas)]
    if len(alphas) < draws / 2:
        return None
    low, high = np.quantile(alphas, [0.5 - share / 2, 0.5 + share / 2])
    return float(low), float(high)


def measure_kappa(
    first: Sequence[int], second: Sequence[int], size: int, *, weights: Literal["linear", "quadratic"] | None = None
) -> float | None:
    """Return Cohen's kappa of two annotators on the same units, or None if both always give one and the same value.

    first, second: values as numbers in [0, size). weights: how a disagreement by one value counts; None: as any other.
    """
    from sklearn.metrics import cohen_kappa_score

    if not first or len({*first, *second}) == 1:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # only one value in one of the two: kappa is 0
        return float(cohen_kappa_score(first, second, labels=list(range(size)), weights=weights))


def _count_coincidences(counts: np.ndarray) -> np.ndarray:
    """Return the units' coincidences [U', V, V] float64; units with fewer than two ratings are left out."""
    kept = counts[counts.sum(axis=1) >= 2].astype(float)
    pairs = kept[:, :, None] * kept[:, None, :] - kept[:, :, None] * np.eye(kept.shape[1])
    paired: np.ndarray = pairs / (kept.sum(axis=1) - 1)[:, None, None]
    return paired


def _find_alphas(coincidences: np.ndarray, level: Level, values: Sequence[float] | None) -> np.ndarray:
    """Return alpha of each table of coincidences [D, V, V]; nan where nothing can disagree."""
    totals = coincidences.sum(axis=2)  # [D, V]
    distances = _measure_distances(totals, level, values)
    observed = (coincidences * distances).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * distances).sum(axis=(1, 2))
    scale = totals.sum(axis=1) - 1
    alphas: np.ndarray = 1 - scale * observed / np.where(expected > 0, expected, np.nan)
    return alphas


def _measure_distances(totals: np.ndarray, level: Level, values: Sequence[float] | None) -> np.ndarray:
    """Return d_ck for each row of totals [D, V], as [D, V, V] or [1, V, V]."""
    size = totals.shape[1]
    if level == "nominal":
        return (1 - np.eye(size))[None]
    if level == "interval":
        numbers = np.arange(size) if values is None else np.asarray(values)
        return ((numbers[:, None] - numbers[None, :]) ** 2).astype(float)[None]
    # Up to c and half of c itself: the difference of two of these is the ordinal distance.
    ranks = totals.cumsum(axis=1) - totals / 2
    distances: np.ndarray = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    return distances
