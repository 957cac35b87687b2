"""Weights of the loss where labels have unequal numbers of rows: w_l = N / (K n_l), so that all labels count the same.

N rows of K labels, n_l of the label. The mean weight of a row is 1: rates keep their meaning.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

Label = TypeVar("Label")


def weigh_labels(labels: Sequence[Label]) -> dict[Label, float] | None:
    """Return the weight of each label among rows that have these; None where all have as many rows, so that nothing is
    multiplied."""
    counts = Counter(labels)
    if len(set(counts.values())) < 2:
        return None
    return {label: len(labels) / (len(counts) * count) for label, count in counts.items()}


def weigh_rows(labels: Sequence[Label], weights: Mapping[Label, float] | None) -> list[float]:
    """Return the weight of each row, 1 without weights."""
    return [1.0 if weights is None else weights[label] for label in labels]
