import numpy as np
import pytest

from dawgen.stats import correlate_ranks, correlate_values


def test_coefficients_are_those_of_a_worked_example() -> None:
    """Wikipedia's example of Spearman's rank correlation: IQ and hours of television of ten people."""
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    ranks, values = correlate_ranks(iq, hours), correlate_values(iq, hours)
    assert ranks and values
    assert ranks.value == pytest.approx(-29 / 165) and ranks.n == 10
    assert values.value == pytest.approx(np.corrcoef(iq, hours)[0, 1])
    assert ranks.low < ranks.value < ranks.high and values.low < values.value < values.high


def test_too_few_or_constant_has_no_coefficient() -> None:
    assert correlate_ranks([1, 2, 3], [1, 2, 3]) is None
    assert correlate_values([1, 1, 1, 1], [1, 2, 3, 4]) is None
    assert correlate_ranks([1, 2, 3, 4], [0, 0, 0, 0]) is None


def test_four_equal_orders_prove_little() -> None:
    found = correlate_ranks([1, 2, 3, 4], [10, 20, 30, 40])
    assert found and found.value == found.high == 1 and found.low < 0


@pytest.mark.parametrize("n", [5, 8, 20])
def test_intervals_cover_the_truth(n: int) -> None:
    """Normal pairs with r = 0.6, whose Spearman's is 6 / pi * asin(0.3) = 0.582."""
    rng = np.random.default_rng(n)
    covered = [0, 0]
    for _ in range(400):
        first = rng.normal(size=n)
        second = 0.6 * first + 0.8 * rng.normal(size=n)
        values, ranks = correlate_values(first, second), correlate_ranks(first, second)
        assert values and ranks
        covered[0] += values.low <= 0.6 <= values.high
        covered[1] += ranks.low <= 0.582 <= ranks.high
    assert all(0.92 < count / 400 <= 1 for count in covered)
