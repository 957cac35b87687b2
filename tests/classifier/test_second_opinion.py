"""A second opinion: probabilities of own labels by a classifier of the few shots alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from dawgen.classifier.second_opinion import SecondOpinion
from dawgen.errors import DataError
from dawgen.records import Example

LABELS = ["warm", "cold"]


def embed(examples: Sequence[Example]) -> NDArray[np.float32]:
    """One number says the label, one nothing."""
    return np.array([[float(row.text1.split()[0]), float(len(row.text1))] for row in examples], dtype=np.float32)


def make_rows(count: int) -> list[Example]:
    """Warm rows begin with numbers above zero, cold ones with numbers below."""
    return [
        Example(f"{sign * (1 + number / 10):.1f} degrees", None, label)
        for number in range(count)
        for label, sign in (("warm", 1), ("cold", -1))
    ]


def test_a_right_label_is_likelier_than_chance_and_a_wrong_one_less() -> None:
    judge = SecondOpinion(LABELS, embed).fit(make_rows(8))
    assert judge.right_ == 1.0
    right, wrong = judge.weigh([Example("1.4 degrees", None, "warm"), Example("1.4 degrees", None, "cold")])
    assert right > 0.9 and right + wrong == pytest.approx(1)
    assert judge.weigh([]).shape == (0,)


def test_its_quality_is_measured_on_rows_that_it_has_not_seen() -> None:
    rng = np.random.default_rng(0)
    rows = [Example(f"{rng.normal():.3f} degrees", None, LABELS[number % 2]) for number in range(40)]
    right = SecondOpinion(LABELS, embed).fit(rows).right_
    assert right is not None and 0.2 < right < 0.8  # labels that follow from nothing


def test_one_row_of_a_label_leaves_its_quality_open_and_no_row_is_refused() -> None:
    assert SecondOpinion(LABELS, embed).fit(make_rows(1)).right_ is None
    with pytest.raises(DataError, match="found none of cold"):
        SecondOpinion(LABELS, embed).fit([Example("1.0 degrees", None, "warm")])
