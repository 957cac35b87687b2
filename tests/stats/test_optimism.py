"""The expected excess of the best of m settings, against simulation."""

import numpy as np
import pytest

from dawgen.stats import expect_best


@pytest.mark.parametrize(("p", "n", "m"), [(0.6, 48, 6), (0.5, 16, 40), (0.9, 100, 3)])
def test_it_is_what_simulated_choices_gain(p: float, n: int, m: int) -> None:
    best = np.random.default_rng(0).binomial(n, p, (100_000, m)).max(1) / n
    assert expect_best(p, n, m) == pytest.approx(best.mean() - p, abs=0.002)


def test_choices_that_answer_alike_gain_less() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((4000, 48)) < 0.6  # shared answers, of which each setting changes a tenth
    drawn = rng.random((4000, 6, 48))
    answers = np.where(drawn < 0.1, rng.random((4000, 6, 48)) < 0.6, rows[:, None])
    assert answers.mean(2).max(1).mean() - 0.6 < 0.6 * expect_best(0.6, 48, 6)


def test_one_choice_and_sure_answers_gain_nothing() -> None:
    assert expect_best(0.6, 48, 1) == pytest.approx(0.0, abs=1e-12)
    assert expect_best(1.0, 48, 9) == pytest.approx(0.0, abs=1e-12)
    assert expect_best(0.0, 48, 9) == pytest.approx(0.0, abs=1e-12)


def test_more_choices_gain_more_and_more_rows_less() -> None:
    assert expect_best(0.6, 48, 2) < expect_best(0.6, 48, 20) < 0.4
    assert expect_best(0.6, 480, 20) < expect_best(0.6, 48, 20)
