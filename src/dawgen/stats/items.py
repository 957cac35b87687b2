"""Item uncertainty: how far an accuracy, or a difference of two, would move with other test rows.

The test rows are drawn with replacement, the trained models stay the same. The interval says nothing about other seeds,
and an interval over seeds says nothing about other rows: the two are never mixed.
"""

from collections.abc import Sequence

import numpy as np

from dawgen.errors import DataError
from dawgen.stats.bootstrap import DRAWS


def read_answers(correct: str) -> np.ndarray:
    """Return a model's answers, "0" or "1" for each test row, as int8 [N]."""
    answers: np.ndarray = (np.frombuffer(correct.encode(), np.uint8) == ord("1")).astype(np.int8)
    return answers


def average_items(correct: Sequence[str]) -> np.ndarray:
    """Return the share of models that are right on each test row, [N] float64.

    correct: one string per model (seed) of "0" and "1", one character per row of the same test set.
    Raises DataError where the lengths differ or are zero.
    """
    lengths = sorted({len(text) for text in correct})
    if len(lengths) != 1 or not lengths[0]:
        raise DataError(f"expected the answers of all seeds on the same test rows, got {lengths or 'no'} rows.")
    rights: np.ndarray = np.mean([read_answers(text) for text in correct], axis=0)
    return rights


def bootstrap_items(
    values: np.ndarray, rng: np.random.Generator, *, draws: int = DRAWS, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile interval of the mean of N >= 1 items: of `average_items`, or the difference of two."""
    # Items take few distinct values: drawing how often each value occurs is the same as drawing rows, and faster.
    distinct, counts = np.unique(np.round(values, 12), return_counts=True)
    times = rng.multinomial(len(values), counts / len(values), size=draws)  # [D, distinct]
    low, high = np.quantile(times @ distinct / len(values), [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
