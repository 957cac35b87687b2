"""Hierarchical bootstrap: draw tasks with replacement, then seeds within each drawn task.

Statistic: mean over tasks of the mean over seeds, so that a task with more seeds does not weigh more. With one task
only its seeds are drawn. The percentile interval of few tasks or seeds is too narrow: with five, nearer 85 than 95 %.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

DRAWS = 10_000


def mean_over_groups(gaps: Mapping[str, Sequence[float]]) -> float:
    """Return the mean over groups (tasks) of the mean of each; every group must have a value."""
    return fmean(fmean(values) for values in gaps.values())


def bootstrap_pairs(
    gaps: Mapping[str, Sequence[float]], rng: np.random.Generator, *, draws: int = DRAWS, level: float = 0.95
) -> tuple[float, float] | None:
    """Return the percentile interval of `mean_over_groups`, or None where there are not two values.

    gaps: paired differences by task, one per seed; `rng` makes all draws.
    """
    if sum(len(values) for values in gaps.values()) < 2:
        return None
    counts = np.array([len(values) for values in gaps.values()])
    padded = np.zeros((len(counts), counts.max()))  # [T, S]
    for row, values in zip(padded, gaps.values(), strict=True):
        row[: len(values)] = values
    tasks = rng.integers(len(counts), size=(draws, len(counts)))  # [D, T]; with one task always that one
    sizes = counts[tasks][..., None]  # [D, T, 1]
    seeds = (rng.random((*tasks.shape, padded.shape[1])) * sizes).astype(int)  # [D, T, S]
    inside = np.arange(padded.shape[1]) < sizes
    means = (padded[tasks[..., None], seeds] * inside).sum(-1) / sizes[..., 0]  # [D, T]
    low, high = np.quantile(means.mean(-1), [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
