"""Where a gain stops: crossings of planted curves, and intervals that hold the truth as often as they say."""

import math

import numpy as np
import pytest

from dawgen.bench.gains import Point
from dawgen.evaluate.breakpoints.find import BEFORE, BEYOND, draw_means, find_break, find_crossings
from dawgen.rng import numpy_rng

SIZES = [4, 16, 64, 256]


def make(gains: list[float], spread: float = 0.001, seeds: int = 5, rows: int = 0) -> list[Point]:
    """Return points whose gains are the given ones, and seeds that differ by the spread."""
    rng = np.random.default_rng(0)
    points = []
    for size, gain in zip(SIZES, gains, strict=False):
        gaps = {seed: gain + spread * (seed - (seeds - 1) / 2) for seed in range(seeds)}
        answers = None
        if rows:
            answers = np.stack([(rng.random(rows) < 0.5 + gap) * 1 - (rng.random(rows) < 0.5) for gap in gaps.values()])
        points.append(Point(size, gaps, answers))
    return points


@pytest.mark.parametrize(
    ("gains", "crossing"),
    [
        ([0.2, 0.1, -0.1, -0.1], 32.0),  # half of the way between 16 and 64, on the scale of log2
        ([0.2, 0.1, 0.0, 0.0], 64.0),
        ([0.3, 0.1, -0.3, -0.3], 16 * 2**0.5),
        ([0.1, -0.1, 0.1, -0.1], 128.0),  # for good
        ([0.2, 0.1, 0.1, 0.01], BEYOND),
        ([-0.1, 0.0, -0.1, -0.2], BEFORE),
    ],
)
def test_gains_end_where_the_line_between_two_sizes_does(gains: list[float], crossing: float) -> None:
    assert float(find_crossings(SIZES, np.array(gains))) == pytest.approx(crossing)
    many = find_crossings(SIZES, np.array([gains, [1.0, 1.0, 1.0, -1.0]]))
    assert many == pytest.approx([crossing, 128.0])


def test_a_crossing_moves_with_the_gain_and_lies_between_its_sizes() -> None:
    rng = np.random.default_rng(1)
    gains = rng.normal(size=(500, 4))
    found = find_crossings(SIZES, gains)
    inside = np.isfinite(found) & (found > 0)
    assert inside.any()
    assert ((found[inside] >= 4) & (found[inside] <= 256)).all()
    assert (find_crossings(SIZES, gains + 0.1) >= found - 1e-9).all()


def test_the_scale_of_gains_does_not_move_their_end() -> None:
    gains = np.random.default_rng(2).normal(size=(200, 4))
    assert np.allclose(find_crossings(SIZES, 7 * gains), find_crossings(SIZES, gains), equal_nan=True)


def test_what_is_shown_stops_at_the_last_size_beyond_noise() -> None:
    found = find_break(make([0.2, 0.1, 0.0005, -0.05]), numpy_rng(0, "test"))
    assert (found.shown, found.stop) == (16, 64)
    assert found.crossing == pytest.approx(64, rel=0.02)
    assert found.interval is not None
    assert found.interval[0] <= found.crossing <= found.interval[1]
    assert found.reached == 1.0


def test_a_gain_that_never_ends_is_not_reached_and_one_that_never_was_begins_nowhere() -> None:
    lasting = find_break(make([0.2, 0.1, 0.1, 0.1]), numpy_rng(0, "test"))
    assert (lasting.shown, lasting.stop, lasting.crossing, lasting.reached) == (256, None, math.inf, 0.0)
    harmful = find_break(make([-0.1, -0.1, -0.2, -0.1]), numpy_rng(0, "test"))
    assert (harmful.shown, harmful.stop, harmful.crossing) == (None, 4, BEFORE)


def test_noise_shows_nothing_though_the_mean_is_high() -> None:
    noisy = find_break(make([0.2, 0.1, 0.1, 0.1], spread=0.2, seeds=3), numpy_rng(0, "test"))
    assert (noisy.shown, noisy.stop) == (None, 4)
    assert noisy.crossing == math.inf


def test_a_gain_below_the_least_does_not_count() -> None:
    points = make([0.2, 0.1, 0.02, 0.02])
    assert find_break(points, numpy_rng(0, "test")).crossing == BEYOND
    counted = find_break(points, numpy_rng(0, "test"), least=0.06)
    assert (counted.shown, counted.stop) == (16, 64)
    assert counted.crossing == pytest.approx(32.0, rel=0.01)
    assert (points[2].find_way(), points[2].find_way(0.06)) == (1, 0)


def test_one_seed_has_no_interval() -> None:
    found = find_break(make([0.2, -0.1], seeds=1), numpy_rng(0, "test"))
    assert (found.shown, found.interval, found.reached) == (None, None, None)
    assert 4 < found.crossing < 16


def test_redrawn_rows_widen_what_redrawn_seeds_alone_say() -> None:
    seeds = draw_means(make([0.1, 0.1]), numpy_rng(0, "test"))
    rows = draw_means(make([0.1, 0.1], rows=100), numpy_rng(0, "test"))
    assert seeds is not None
    assert rows is not None
    assert seeds.mean(0) == pytest.approx([0.1, 0.1], abs=0.001)
    assert rows.std(0).min() > 10 * seeds.std(0).max()


def test_the_interval_of_the_crossing_holds_the_truth_for_many_seeds() -> None:
    rng, truth, held = np.random.default_rng(3), 32.0, 0
    slope = 0.05  # the gain falls by five points with each fourfold
    for trial in range(60):
        points = [
            Point(
                size, dict(enumerate(slope * (math.log2(truth) - math.log2(size)) / 2 + rng.normal(0, 0.03, size=12)))
            )
            for size in SIZES
        ]
        low, high = find_break(points, numpy_rng(trial, "test"), draws=400).interval or (0.0, 0.0)
        held += low <= truth <= high
    assert 50 <= held <= 60  # about 93 % of them with twelve seeds
