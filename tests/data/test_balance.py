"""Weights of labels with few rows."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.data.balance import weigh_labels, weigh_rows


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_every_label_counts_the_same_and_the_mean_row_is_one(labels: list[int]) -> None:
    weights, counts = weigh_labels(labels), Counter(labels)
    if weights is None:
        assert len(set(counts.values())) == 1
        assert weigh_rows(labels, weights) == [1.0] * len(labels)
        return
    assert sum(weigh_rows(labels, weights)) / len(labels) == pytest.approx(1)
    assert [weights[label] * count for label, count in counts.items()] == pytest.approx(
        [len(labels) / len(counts)] * len(counts)
    )


def test_equal_numbers_have_no_weights() -> None:
    assert weigh_labels(["a", "b", "b", "a"]) is None and weigh_labels([]) is None
