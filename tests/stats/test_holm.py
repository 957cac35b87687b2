"""Holm's correction against the closed testing procedure that it shortens."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.stats import adjust_holm

P = st.floats(0, 1, allow_nan=False)


def close_tests(values: list[float]) -> list[float]:
    """Return, for each hypothesis, the largest Bonferroni p of all sets of hypotheses that hold it."""
    places = range(len(values))
    sets = [group for size in range(1, len(values) + 1) for group in itertools.combinations(places, size)]
    bonferroni = {group: min(1.0, len(group) * min(values[place] for place in group)) for group in sets}
    return [max(p for group, p in bonferroni.items() if place in group) for place in places]


@given(st.lists(P, max_size=7))
def test_adjusted_p_are_those_of_closed_testing(values: list[float]) -> None:
    assert adjust_holm(values) == pytest.approx(close_tests(values))


def test_a_known_example() -> None:
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(P, min_size=1, max_size=6))
def test_what_cannot_be_tested_does_not_count(values: list[float]) -> None:
    *adjusted, last = adjust_holm([*values, math.nan])
    assert adjusted == adjust_holm(values)
    assert math.isnan(last)
