import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.stats import Estimate, subtract_estimates

parts = st.tuples(st.floats(0, 5), st.floats(0, 2), st.floats(0, 2)).map(
    lambda t: Estimate(t[0], t[0] - t[1], t[0] + t[2])
)


def test_symmetric_intervals_add_as_errors_do() -> None:
    found = subtract_estimates(Estimate(5, 2, 8), Estimate(1, -3, 5))
    assert (found.value, found.low, found.high) == (4, -1, 9)


@settings(deadline=None)
@given(first=parts, second=parts)
def test_the_other_way_round_is_the_opposite(first: Estimate, second: Estimate) -> None:
    there, back = subtract_estimates(first, second), subtract_estimates(second, first)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.low <= there.value <= there.high


def test_intervals_of_shares_cover_their_difference() -> None:
    from dawgen.report.run.numbers import find_wilson_interval

    rng = np.random.default_rng(3)
    covered = 0
    for first, second in zip(rng.binomial(20, 0.95, 1000) / 20, rng.binomial(20, 0.7, 1000) / 20, strict=True):
        found = subtract_estimates(*(Estimate(p, *find_wilson_interval(p, 20)) for p in (first, second)))
        covered += found.low <= 0.25 <= found.high
    assert covered > 930
