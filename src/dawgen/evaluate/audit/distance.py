"""The distance of two samples of vectors, with a standard error and a permutation p-value.

Both distances compare mean similarities within the samples and between them (Gretton et al. 2012, eq. 3):

    d = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

with k(a, b) = exp(-|a - b|^2 / 2 s^2) for the squared kernel MMD and -|a - b| for the energy distance (Szekely
and Rizzo 2013). They are unbiased: 0 on average for two samples of one distribution, hence sometimes below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dawgen.errors import DataError

PERMUTATIONS = 999
FEWEST = 3  # rows of a sample: leaving one out must leave a pair
CHANCE = 0.95


@dataclass(frozen=True, slots=True)
class Distance:
    """value: the distance, error: its standard error over samples of these sizes.

    chance: what 95 % of random splits of the pooled rows stay below. p: the share of splits that reach the value.
    """

    value: float
    error: float
    chance: float
    p: float


def measure_mmd(
    first: Tensor, second: Tensor, *, generator: torch.Generator, permutations: int = PERMUTATIONS
) -> Distance:
    """Return the squared kernel MMD of samples [N,H] and [M,H], between 0 and 2 but for noise; no unit.

    Raises DataError for samples of fewer than 3 rows.
    """
    distances = measure_pairs(_pool(first, second))
    return _compare(apply_rbf(distances, find_median(distances)), len(first), generator, permutations)


def measure_energy(
    first: Tensor, second: Tensor, *, generator: torch.Generator, permutations: int = PERMUTATIONS
) -> Distance:
    """Return the energy distance of samples [N,H] and [M,H], in the vectors' own unit of length.

    Raises DataError for samples of fewer than 3 rows.
    """
    return _compare(-measure_pairs(_pool(first, second)), len(first), generator, permutations)


def measure_pairs(vectors: Tensor) -> Tensor:
    """Return the Euclidean distances of all pairs, [N,N] in float64."""
    # not by the matrix product, which leaves noise where two vectors are equal
    return torch.cdist(vectors.double(), vectors.double(), compute_mode="donot_use_mm_for_euclid_dist")


def find_median(distances: Tensor) -> float:
    """Return the median distance of different rows: the kernel's width s. 1 where all rows are equal."""
    rows, columns = torch.triu_indices(len(distances), len(distances), 1)
    return float(distances[rows, columns].median()) or 1.0


def apply_rbf(distances: Tensor, width: float) -> Tensor:
    """Return exp(-d^2 / 2 s^2) of each distance."""
    return torch.exp(-(distances**2) / (2 * width**2))


def contrast(similarity: Tensor, first: Tensor) -> Tensor:
    """Return d for splits of the pooled rows, [R]: within the first + within the others - 2 x between.

    similarity: [N,N]. first: [R,N], 1 where a row belongs to the first sample. A row is not compared with itself.
    """
    k = similarity - torch.diag(similarity.diagonal())
    ours, others = first, 1 - first
    n, m = ours.sum(1), others.sum(1)
    ours_to_all = ours @ k
    within = (ours_to_all * ours).sum(1) / (n * (n - 1))
    between = (ours_to_all * others).sum(1) / (n * m)
    return within + ((others @ k) * others).sum(1) / (m * (m - 1)) - 2 * between


def jackknife(similarity: Tensor, n: int) -> float:
    """Return the standard error of d, whose first `n` rows are the first sample, by leaving out one row at a time.

    var = sum over both samples of (n - 1) / n * sum_i (d_-i - mean d_-i)^2.
    """
    k = similarity - torch.diag(similarity.diagonal())
    m = len(k) - n
    sums = {"x": k[:n, :n].sum(1), "y": k[n:, n:].sum(1), "xy": k[:n, n:].sum(1), "yx": k[n:, :n].sum(1)}
    x, y, between = sums["x"].sum(), sums["y"].sum(), sums["xy"].sum()
    without_x = (
        (x - 2 * sums["x"]) / ((n - 1) * (n - 2)) + y / (m * (m - 1)) - 2 * (between - sums["xy"]) / ((n - 1) * m)
    )
    without_y = (
        x / (n * (n - 1)) + (y - 2 * sums["y"]) / ((m - 1) * (m - 2)) - 2 * (between - sums["yx"]) / (n * (m - 1))
    )
    parts = [(count - 1) / count * (d - d.mean()).square().sum() for count, d in ((n, without_x), (m, without_y))]
    return float(torch.stack(parts).sum().sqrt())


def draw_splits(rows: int, first: int, splits: int, generator: torch.Generator) -> Tensor:
    """Return random splits of the rows, [R,N] in float64: 1 for the `first` rows of the first sample, else 0."""
    order = torch.rand(splits, rows, generator=generator, dtype=torch.float64).argsort(1)
    return (order < first).double()


def _compare(similarity: Tensor, n: int, generator: torch.Generator, permutations: int) -> Distance:
    rows = len(similarity)
    observed = float(contrast(similarity, (torch.arange(rows) < n).double()[None]))
    shuffled = contrast(similarity, draw_splits(rows, n, permutations, generator))
    reached = int((shuffled >= observed - 1e-12).sum())  # a split equal to ours may differ by rounding
    return Distance(
        value=observed,
        error=jackknife(similarity, n),
        chance=float(shuffled.quantile(CHANCE)),
        p=(1 + reached) / (1 + permutations),  # never 0: our own split is one of them
    )


def _pool(first: Tensor, second: Tensor) -> Tensor:
    if min(len(first), len(second)) < FEWEST:
        raise DataError(
            f"expected {FEWEST} rows or more on either side of a distance, got {len(first)} and {len(second)}."
        )
    return torch.cat([first, second])
