"""The size at which a gain stops: as the measured sizes show it, and an estimate between them.

At each size the gain is a mean over seeds of a difference of two accuracies on the same shots. Two answers are given:
  shown   the largest size whose 95 % t-interval over seeds lies above `least`; from the next size on nothing is shown.
  crossed the size at which the mean falls to `least` for good, on a line over log2(size) between two measured sizes.
Few seeds show little: a gain that is not shown may still exist. The crossing's interval says how far it moves with
other seeds and other test rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dawgen.bench.gains import Point

DRAWS = 2000
BEYOND, BEFORE = math.inf, 0.0  # crossings that no measured size brackets


@dataclass(frozen=True, slots=True)
class Break:
    """Where the gain stops.

    shown: the largest size with a gain beyond seed noise, None where no size has one. stop: the size after it, None
    where `shown` is the largest size, and the smallest size where nothing is shown. crossing: where the mean reaches
    `least` for good; BEYOND the largest size, or BEFORE the smallest one. interval: of the crossing, None where it
    cannot be told. reached: the share of draws with a crossing that is not beyond the largest size, likewise.
    """

    shown: int | None
    stop: int | None
    crossing: float
    interval: tuple[float, float] | None
    reached: float | None


def find_break(points: Sequence[Point], rng: np.random.Generator, *, least: float = 0.0, draws: int = DRAWS) -> Break:
    """Return where the gain of points, sorted by size, stops.

    least: the gain from which on it counts, a share of accuracy.
    """
    sizes = [point.size for point in points]
    surely = [place for place, point in enumerate(points) if point.find_way(least) > 0]
    after = surely[-1] + 1 if surely else 0
    means = np.array([point.mean for point in points])
    crossing = float(find_crossings(sizes, means - least))
    drawn = draw_means(points, rng, draws)
    found = None if drawn is None else find_crossings(sizes, drawn - least)
    return Break(
        shown=sizes[surely[-1]] if surely else None,
        stop=sizes[after] if after < len(sizes) else None,
        crossing=crossing,
        interval=None if found is None else _find_percentiles(found),
        reached=None if found is None else float(np.isfinite(found).mean()),
    )


def find_crossings(sizes: Sequence[int], gains: np.ndarray) -> np.ndarray:
    """Return where gains [..., P] at P growing sizes turn to 0 or less for good, [...]: between i, the last size with
    a gain g_i > 0, and j = i + 1, log2(x) = log2(x_i) + (log2(x_j) - log2(x_i)) * g_i / (g_i - g_j)."""
    places = np.log2(np.asarray(sizes, float))
    above = gains > 0
    last = np.where(above.any(-1), len(sizes) - 1 - above[..., ::-1].argmax(-1), -1)
    left, right = np.clip(last, 0, None), np.clip(last + 1, None, len(sizes) - 1)
    high = np.take_along_axis(gains, left[..., None], -1)[..., 0]
    low = np.take_along_axis(gains, right[..., None], -1)[..., 0]
    inside = (last >= 0) & (last < len(sizes) - 1)
    share = np.divide(high, high - low, out=np.zeros_like(high, dtype=float), where=inside)
    crossed = 2 ** (places[left] + (places[right] - places[left]) * share)
    return np.where(inside, crossed, np.where(last < 0, BEFORE, BEYOND))


def draw_means(points: Sequence[Point], rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray | None:
    """Return redrawn mean gains [D, P], None below two seeds that all points have.

    Seeds are drawn with replacement, each with its gains at all sizes; where all answers are known the test rows are
    drawn too, the same for all sizes and seeds, as all were measured on the same rows. Of three seeds it is too narrow.
    """
    seeds = [seed for seed in points[0].gaps if all(seed in point.gaps for point in points)]
    if len(seeds) < 2:
        return None
    weights = rng.multinomial(len(seeds), [1 / len(seeds)] * len(seeds), size=draws) / len(seeds)  # [D, S]
    answers = _stack_answers(points, seeds)
    if answers is None:
        gaps = np.array([[point.gaps[seed] for seed in seeds] for point in points])  # [P, S]
        return np.asarray(weights @ gaps.T)
    rows = answers.shape[-1]
    drawn = rng.integers(rows, size=(draws, rows)) + rows * np.arange(draws)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=draws * rows).reshape(draws, rows) / rows  # [D, N]
    flat = answers.reshape(-1, rows).astype(float)
    by_seed = (counts @ flat.T).reshape(draws, *answers.shape[:2])  # [D, P, S]
    return np.asarray(np.einsum("ds,dps->dp", weights, by_seed))


def _stack_answers(points: Sequence[Point], seeds: Sequence[int]) -> np.ndarray | None:
    """Return the answers of these seeds at all sizes, [P, S, N], None where some are not known."""
    parts = []
    for point in points:
        if point.answers is None:
            return None
        order = list(point.gaps)
        parts.append(point.answers[[order.index(seed) for seed in seeds]])
    return np.stack(parts) if len({part.shape for part in parts}) == 1 else None


def _find_percentiles(values: np.ndarray) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile, each a value that was drawn: between a number and infinity lies none."""
    low, high = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)
