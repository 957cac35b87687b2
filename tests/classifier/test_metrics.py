"""Metrics against numbers counted by hand."""

import pytest

from dawgen.classifier.metrics import measure
from dawgen.errors import DataError


def test_numbers_counted_by_hand() -> None:
    result = measure(["a", "a", "a", "b"], ["a", "a", "b", "b"], ["a", "b", "c"])
    assert result["accuracy"] == 0.75 and result["n"] == 4
    assert result["confusion"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert result["macro_f1"] == pytest.approx((0.8 + 2 / 3 + 0) / 3)


def test_no_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="got 0 and 0"):
        measure([], [], ["a", "b"])
    with pytest.raises(DataError, match="got 1 and 2"):
        measure(["a"], ["a", "b"], ["a", "b"])
