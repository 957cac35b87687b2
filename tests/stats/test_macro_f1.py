"""Macro-F1 from counts is scikit-learn's, and its interval is that of drawn rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score

from dawgen.rng import numpy_rng
from dawgen.stats import bootstrap_macro_f1, find_macro_f1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_macro_f1_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, predicted = zip(*rows, strict=True)
    labels = list(range(4))
    wanted = f1_score(truth, predicted, labels=labels, average="macro", zero_division=0)
    found = find_macro_f1(np.array([confusion_matrix(truth, predicted, labels=labels)] * 2))
    assert found.shape == (2,)
    assert found == pytest.approx(wanted, abs=1e-12)


def test_the_interval_is_that_of_drawn_rows() -> None:
    confusion = np.array([[40, 10, 0], [5, 30, 5], [2, 8, 20]])
    cells = np.repeat(np.arange(9), confusion.ravel())
    rng = numpy_rng(0, "test")
    drawn = [find_macro_f1(np.bincount(rng.choice(cells, len(cells)), minlength=9).reshape(3, 3)) for _ in range(4000)]
    low, high = bootstrap_macro_f1(confusion, numpy_rng(1, "test"))
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.01)
    assert low < float(find_macro_f1(confusion)) < high
    assert bootstrap_macro_f1(confusion, numpy_rng(1, "test"), draws=500, level=0.5)[0] > low


def test_a_model_without_errors_has_no_interval_to_speak_of() -> None:
    assert bootstrap_macro_f1(np.diag([5, 5]), numpy_rng(0, "test"), draws=200) == (1.0, 1.0)
