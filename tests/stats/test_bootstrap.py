"""The hierarchical bootstrap: its limits, its weights and its coverage."""

import numpy as np
import pytest

from dawgen.rng import numpy_rng
from dawgen.stats import bootstrap_pairs, mean_over_groups


def make_gaps(rng: np.random.Generator, tasks: int, seeds: int, *, between: float, within: float) -> dict[str, list]:
    """Return differences around 0.05 that vary between and within tasks."""
    centres = rng.normal(0.05, between, tasks)
    return {str(task): rng.normal(centre, within, seeds).tolist() for task, centre in enumerate(centres)}


def cover(tasks: int, seeds: int, between: float, within: float) -> float:
    """Return how many of 300 intervals hold the true difference."""
    rng = np.random.default_rng(1)
    found = [
        bootstrap_pairs(make_gaps(rng, tasks, seeds, between=between, within=within), rng, draws=400)
        for _ in range(300)
    ]
    return float(np.mean([low <= 0.05 <= high for low, high in found]))


def test_intervals_over_many_tasks_hold_the_true_difference() -> None:
    assert 0.9 <= cover(20, 5, between=0.05, within=0.03) <= 1.0


def test_intervals_over_seeds_alone_would_not() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        gaps = make_gaps(rng, 20, 5, between=0.05, within=0.03)
        found.append(bootstrap_pairs({"all": [gap for values in gaps.values() for gap in values]}, rng, draws=400))
    assert np.mean([low <= 0.05 <= high for low, high in found]) < 0.8


def test_intervals_of_one_task_with_few_seeds_are_too_narrow_as_documented() -> None:
    assert 0.75 <= cover(1, 5, between=0.0, within=0.03) < 0.93
    assert cover(1, 40, between=0.0, within=0.03) > 0.9


def test_spread_between_tasks_widens_the_interval() -> None:
    near = {"a": [0.1, 0.12, 0.14], "b": [0.1, 0.12, 0.14], "c": [0.1, 0.12, 0.14]}
    far = {"a": [0.0, 0.02, 0.04], "b": [0.1, 0.12, 0.14], "c": [0.2, 0.22, 0.24]}
    narrow, wide = (bootstrap_pairs(gaps, numpy_rng(0, "test")) for gaps in (near, far))
    assert narrow is not None and wide is not None
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_tasks_weigh_the_same_however_many_seeds_they_have() -> None:
    gaps = {"many": [0.0] * 9, "few": [0.2]}
    assert mean_over_groups(gaps) == pytest.approx(0.1)
    # A task is drawn whole: the mean is 0, 0.1 or 0.2, each end with a chance of 1/4.
    assert bootstrap_pairs(gaps, numpy_rng(0, "test")) == pytest.approx((0.0, 0.2))
    assert bootstrap_pairs(gaps, numpy_rng(0, "test"), level=0.4) == pytest.approx((0.1, 0.1))


def test_one_difference_has_no_interval_and_equal_ones_have_no_width() -> None:
    assert bootstrap_pairs({"a": [0.1]}, numpy_rng(0, "test")) is None
    assert bootstrap_pairs({"a": [0.1, 0.1], "b": [0.1]}, numpy_rng(0, "test")) == pytest.approx((0.1, 0.1))


def test_the_generator_alone_decides_the_draws() -> None:
    gaps = {"a": [0.1, 0.3, 0.2], "b": [0.0, -0.1]}
    first, again = (bootstrap_pairs(gaps, numpy_rng(0, "test"), draws=200) for _ in range(2))
    assert first == again != bootstrap_pairs(gaps, numpy_rng(1, "test"), draws=200)
