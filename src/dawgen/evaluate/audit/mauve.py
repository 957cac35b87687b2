"""MAUVE (Pillutla et al. 2021): the area under the divergence frontier of two samples of vectors, in (0, 1].

The vectors are quantised by k-means, p and q the shares of the clusters. With r = w p + (1 - w) q the frontier is
(exp(-c KL(q | r)), exp(-c KL(p | r))) for w in (0, 1), c = 5; 1 means equal histograms. It moves with the seed of
k-means and with the number of rows, so that it is shown with its spread and never below FEWEST rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.special import rel_entr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from torch import Tensor

from dawgen.errors import DataError
from dawgen.rng import derive_seed

FEWEST = 200  # rows on either side
SEEDS = 5
SCALE = 5.0  # c
POINTS = 25
VARIANCE = 0.9  # share that the principal components keep
ROWS_PER_CLUSTER = 10
STARTS = 5

Floats = NDArray[np.float64]


def measure_mauve(first: Tensor, second: Tensor, *, seed: int) -> dict[str, Any]:
    """Return value (mean over seeds of k-means), low, high, seeds and rows of samples [N,H] and [M,H].

    The larger sample is cut to as many rows as the smaller has. Raises DataError below 200 rows on either side.
    """
    rows = min(len(first), len(second))
    if rows < FEWEST:
        raise DataError(
            f"--mauve: expected {FEWEST} rows or more on either side, got {len(first)} and {len(second)}: histograms "
            "of fewer say nothing. Leave it out; mmd, energy and c2st serve few rows."
        )
    vectors = reduce_vectors(np.vstack([first[:rows].double().numpy(), second[:rows].double().numpy()]))
    values = []
    for index in range(SEEDS):
        p, q = count_clusters(vectors, rows, derive_seed(seed, "audit/mauve", index) % 2**32)
        values.append(find_area(p, q))
    return {"value": float(np.mean(values)), "low": min(values), "high": max(values), "seeds": SEEDS, "rows": rows}


def reduce_vectors(vectors: Floats) -> Floats:
    """Return the vectors at length 1 on the principal components that keep VARIANCE of their variance, [N,C]."""
    return np.asarray(PCA(VARIANCE, svd_solver="full").fit_transform(normalize(vectors)))


def count_clusters(vectors: Floats, first: int, seed: int) -> tuple[Floats, Floats]:
    """Return the shares p and q [K] of the clusters among the first rows and among the others."""
    clusters = max(2, round(min(first, len(vectors) - first) / ROWS_PER_CLUSTER))
    places = KMeans(clusters, n_init=STARTS, max_iter=500, random_state=seed).fit_predict(vectors)
    p, q = (np.bincount(part, minlength=clusters) / len(part) for part in (places[:first], places[first:]))
    return p, q


def find_area(p: Floats, q: Floats) -> float:
    """Return the area under the frontier of two histograms [K], by trapezia through (1, 0) and (0, 1)."""
    x, y = [1.0], [0.0]
    for w in np.linspace(1e-6, 1 - 1e-6, POINTS):
        r = w * p + (1 - w) * q
        x.append(float(np.exp(-SCALE * rel_entr(q, r).sum())))
        y.append(float(np.exp(-SCALE * rel_entr(p, r).sum())))
    return -float(trapezoid([*y, 1.0], [*x, 0.0]))  # x falls along the frontier
