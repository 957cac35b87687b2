"""Choosing among more rows than are wanted: the likeliest, in turns of the real rows that they are near to."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.curation.choose import choose_spread, find_homes, measure_posterior
from dawgen.curation.posterior import measure_margin

ROWS = st.lists(st.tuples(st.floats(-50, 0), st.integers(0, 4)), max_size=40)


@given(ROWS, st.integers(0, 45))
def test_each_home_gives_its_likeliest_and_none_gives_two_more_than_another_that_has_some_left(
    rows: list[tuple[float, int]], count: int
) -> None:
    scores, homes = [score for score, _ in rows], [home for _, home in rows]
    chosen = choose_spread(scores, homes, count)
    assert chosen == sorted(set(chosen)) and len(chosen) == min(count, len(rows))
    taken, there = Counter(homes[place] for place in chosen), Counter(homes)
    for home in there:
        own = [place for place, other in enumerate(homes) if other == home]
        left = [scores[place] for place in own if place not in chosen]
        assert not left or all(scores[place] >= max(left) for place in own if place in chosen)
        if taken[home] < there[home]:
            assert max(taken.values(), default=0) <= taken[home] + 1


def test_of_equal_rows_the_earlier_one_is_chosen() -> None:
    assert choose_spread([-1.0] * 4, [0, 0, 1, 1], 3) == [0, 1, 2]


def test_the_nearest_real_row_is_that_of_the_smallest_angle() -> None:
    real = np.array([[1.0, 0.0], [0.0, 5.0], [0.0, 0.0]])
    assert find_homes(np.array([[9.0, 1.0], [0.1, 0.2]]), real) == [0, 1]


@given(st.lists(st.one_of(st.none(), st.floats(-1e4, 0)), min_size=2, max_size=6), st.data())
def test_the_posterior_is_a_probability_that_is_above_a_half_only_where_the_margin_is_positive(
    logp: list[float | None], data: st.DataObject
) -> None:
    own = data.draw(st.integers(0, len(logp) - 1))
    found = measure_posterior(logp, own)
    if logp[own] is None:
        assert math.isnan(found)
        return
    assert found <= 1e-9
    margin = measure_margin(logp, own)
    assert math.isnan(margin) or not (found > math.log(0.5) + 1e-9 and margin < 0)
    everything = [measure_posterior(logp, label) for label, value in enumerate(logp) if value is not None]
    assert sum(map(math.exp, everything)) == pytest.approx(1)
