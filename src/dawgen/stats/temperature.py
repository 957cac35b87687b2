"""Temperature scaling (Guo et al. 2017, arXiv 1706.04599): p = softmax(z / T), T where the mean negative log-likelihood
of rows that nothing was trained on is least.

With b = 1/T that is logsumexp(b z_i) - b z_iy, averaged over i: convex in b, so that in log T it has one minimum and no
other valley. T > 1 makes probabilities more even, T < 1 surer; which label is the likeliest does not change.

Where rows are few, or were scored by another model than the one that T is for, T is held near 1: the sum of NLL over
rows and (log T)^2 / (2 spread^2), a normal prior of log T, is least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

LEAST = 16  # rows; with fewer T is mostly chance
BOUND = 20.0  # T is within [1 / BOUND, BOUND]: beyond it nothing but certainty or chance is left
GRID = 61  # values of log T, a tenth apart


@dataclass(frozen=True, slots=True)
class Temperature:
    """value: T. refused: why it is 1, where the rows cannot tell; else None."""

    value: float
    refused: str | None = None


def fit_temperature(scores: ArrayLike, labels: Sequence[int], spread: float | None = None) -> Temperature:
    """Return the T of scores [N,K], logits or log-probabilities, whose rows have these label numbers [N].

    spread: standard deviation of log T that is expected, above 0; None: nothing is expected.

    It is 1, and `refused` says why, with fewer than `LEAST` rows, where all have one label, and where the likeliest
    label is the right one in every row: the NLL then falls until every probability is 0 or 1.

    Raises:
        ValueError: scores and labels of different lengths, a label that is no column, or a score that is not finite.
    """
    z, y = np.asarray(scores, dtype=np.float64), np.array(labels, dtype=np.int64)
    named = z.ndim == 2 and len(z) == len(y) and all(0 <= label < z.shape[1] for label in y.tolist())
    if not named or not np.isfinite(z).all():
        raise ValueError(f"expected finite scores [N,K] and N labels below K, got {z.shape} and {len(y)}")
    if len(y) < LEAST:
        return Temperature(1.0, f"{len(y)} rows are too few, it takes {LEAST}")
    if len(set(y.tolist())) < 2:
        return Temperature(1.0, f"all {len(y)} rows have one label")
    if (z.argmax(1) == y).all():
        return Temperature(1.0, f"all {len(y)} rows are right, which does not say how sure is too sure")

    def cost(log_t: float) -> float:
        return find_nll(z / np.exp(log_t), y) + (0 if spread is None else (log_t / spread) ** 2 / (2 * len(y)))

    # both terms have one valley each, their sum may have two: the lowest of a grid says which
    grid = np.linspace(-np.log(BOUND), np.log(BOUND), GRID)
    best = int(np.argmin([cost(value) for value in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)])
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return Temperature(float(np.exp(found.x)))


def apply_temperature(scores: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return the log-probabilities log softmax(scores / T) of scores [N,K]; T = 1 normalises alone."""
    return np.asarray(log_softmax(np.asarray(scores, dtype=np.float64) / temperature, axis=-1))


def find_nll(scores: ArrayLike, labels: Sequence[int] | NDArray[np.int64]) -> float:
    """Return the mean negative log-likelihood in nats of label numbers [N] under softmax(scores [N,K])."""
    logs = apply_temperature(scores, 1.0)
    return float(-logs[np.arange(len(logs)), np.asarray(labels)].mean())
