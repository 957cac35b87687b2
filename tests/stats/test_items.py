"""The item bootstrap: against drawing rows one by one, and its coverage."""

import numpy as np
import pytest

from dawgen.errors import DataError
from dawgen.rng import numpy_rng
from dawgen.stats import average_items, bootstrap_items


def test_items_are_averaged_over_models() -> None:
    assert average_items(["0110", "0101"]).tolist() == [0.0, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("texts", [["01", "011"], [""], []], ids=["lengths", "empty", "none"])
def test_other_test_rows_are_refused(texts: list[str]) -> None:
    with pytest.raises(DataError, match="the same test rows"):
        average_items(texts)


def test_drawing_counts_is_drawing_rows() -> None:
    rng = np.random.default_rng(0)
    values = average_items(["".join(rng.choice(["0", "1"], 120, p=[0.4, 0.6])) for _ in range(3)])
    means = values[rng.integers(120, size=(20_000, 120))].mean(1)
    expected = np.quantile(means, [0.025, 0.975])
    assert bootstrap_items(values, numpy_rng(0, "test")) == pytest.approx(expected, abs=0.006)


def test_95_of_100_intervals_hold_the_true_difference() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        hard = rng.random(200)  # both models find the same rows hard, so that differences vary less than accuracies
        a, b = ("".join("1" if right else "0" for right in rng.random(200) < 1 - hard * h) for h in (0.6, 0.8))
        found.append(bootstrap_items(average_items([a]) - average_items([b]), rng, draws=1000))
    assert np.mean([low <= 0.1 <= high for low, high in found]) == pytest.approx(0.95, abs=0.035)


def test_models_without_doubt_have_no_width() -> None:
    assert bootstrap_items(np.ones(50), numpy_rng(0, "test")) == (1.0, 1.0)
