"""How much two texts overlap, and which words they share or have alone: what needs no model.

idf(w) = ln((1 + N) / (1 + n_w)) + 1 over the N texts of the rows that the judge learns from, n_w of which have w.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from dawgen.records import Example, list_texts
from dawgen.sameness import split_words

# "n" and "t" are what is left of "isn't" where the apostrophe is a space
NEGATIONS = frozenset(
    ["no", "not", "never", "nobody", "nothing", "none", "neither", "nor", "without", "cannot", "n", "t"]
)

Weigh = Callable[[frozenset[str]], float]


def learn_idf(rows: Sequence[Example]) -> dict[str, float]:
    """Return the idf of every word in the rows' texts."""
    fitted = TfidfVectorizer(analyzer=split_words).fit(list_texts(rows))
    return dict(zip(fitted.get_feature_names_out(), fitted.idf_, strict=True))


def measure_rows(rows: Sequence[Example], idf: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the overlap features of each row, [N,20] for pairs and [N,1] for single texts."""
    rarest = max(idf.values(), default=1.0)

    def weigh(words: frozenset[str]) -> float:
        return sum(idf.get(word, rarest) for word in sorted(words))  # sorted: a sum of floats depends on its order

    return np.array([_measure_row(row, weigh) for row in rows], dtype=np.float64)


def mark_words(example: Example) -> list[str]:
    """Return the row's different words, each with where it stands: "1:w", "2:w", or "12:w" in both texts."""
    first = frozenset(split_words(example.text1))
    second = frozenset(split_words(example.text2 or ""))
    places = (("1", first - second), ("2", second - first), ("12", first & second))
    return [f"{place}:{word}" for place, words in places for word in sorted(words)]


def _measure_row(row: Example, weigh: Weigh) -> list[float]:
    a = split_words(row.text1)
    if row.text2 is None:
        return [len(a)]
    b = split_words(row.text2)
    first, second = frozenset(a), frozenset(b)
    both, only1, only2 = first & second, first - second, second - first
    grams1, grams2 = frozenset(pairwise(a)), frozenset(pairwise(b))
    negated1, negated2 = len(first & NEGATIONS), len(second & NEGATIONS)
    numbers1, numbers2 = (sum(word.isdigit() for word in words) for words in (only1, only2))
    return [
        _share(len(both), len(first)),
        _share(len(both), len(second)),
        _share(len(both), len(first | second)),
        _share(weigh(both), weigh(first)),
        _share(weigh(both), weigh(second)),
        _share(weigh(both), weigh(first | second)),
        _share(len(grams1 & grams2), len(grams2)),
        _share(len(grams1 & grams2), len(grams1 | grams2)),
        weigh(only1),
        weigh(only2),
        max((weigh(frozenset({word})) for word in only1), default=0.0),
        max((weigh(frozenset({word})) for word in only2), default=0.0),
        len(a),
        len(b),
        len(a) - len(b),
        negated1,
        negated2,
        negated1 - negated2,
        numbers1,
        numbers2,
    ]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
