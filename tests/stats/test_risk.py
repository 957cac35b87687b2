"""Risk and coverage: ends, order, ties and the area."""

import numpy as np
import pytest

from dawgen.stats import find_aurc, trace_risk


def test_at_full_coverage_the_risk_is_the_error() -> None:
    rng = np.random.default_rng(1)
    sure, right = rng.random(50), rng.random(50) < 0.7
    last = trace_risk(sure, right)[-1]
    assert last.coverage == 1 and last.risk == pytest.approx(1 - right.mean())


def test_each_point_is_what_its_threshold_answers() -> None:
    rng = np.random.default_rng(2)
    sure, right = rng.integers(1, 8, 60) / 8, rng.random(60) < 0.7
    for point in trace_risk(sure, right):
        answered = sure >= point.threshold
        assert point.coverage == pytest.approx(answered.mean())
        assert point.risk == pytest.approx((~right[answered]).mean())


def test_rows_of_one_probability_come_in_together() -> None:
    assert [(point.coverage, point.risk) for point in trace_risk([0.9, 0.5, 0.5], [True, False, True])] == [
        (pytest.approx(1 / 3), 0.0),
        (1.0, pytest.approx(1 / 3)),
    ]


def test_a_known_area() -> None:
    assert find_aurc([0.9, 0.8, 0.7], [True, True, False]) == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert find_aurc([0.7, 0.8, 0.9], [True, True, False]) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_without_an_order_the_area_is_the_error() -> None:
    assert find_aurc([0.5] * 10, [True] * 6 + [False] * 4) == pytest.approx(0.4)


def test_the_order_of_ties_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    sure, right = rng.integers(1, 5, 40) / 5, rng.random(40) < 0.6
    order = rng.permutation(40)
    assert find_aurc(sure, right) == pytest.approx(find_aurc(sure[order], right[order]))
