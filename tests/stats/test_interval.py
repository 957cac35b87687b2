"""Student's interval against a known one, and its coverage."""

import numpy as np
import pytest

from dawgen.stats import find_t_interval


def test_a_known_interval() -> None:
    # mean 3, s = sqrt(2.5), t(0.975; 4) = 2.776445
    assert find_t_interval([1, 2, 3, 4, 5]) == pytest.approx((3 - 1.963243, 3 + 1.963243), abs=1e-6)
    assert find_t_interval([1, 2, 3, 4, 5], level=0.9) == pytest.approx((3 - 1.507444, 3 + 1.507444), abs=1e-6)


@pytest.mark.parametrize("values", [[], [0.5]], ids=["none", "one"])
def test_one_value_has_no_interval(values: list[float]) -> None:
    assert find_t_interval(values) is None


def test_95_of_100_intervals_of_five_seeds_hold_the_true_mean() -> None:
    draws = np.random.default_rng(0).normal(0.6, 0.03, (2000, 5))
    found = [interval for row in draws if (interval := find_t_interval(row.tolist()))]
    assert np.mean([low <= 0.6 <= high for low, high in found]) == pytest.approx(0.95, abs=0.015)
