"""The most similar real row, which annotators see beside each row to judge its novelty.

Similarity is the cosine of TF-IDF weights of character 3-grams within words, both texts of a pair as one.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer

from dawgen.records import Example


def find_nearest(rows: Sequence[Example], real: Sequence[Example], barred: Sequence[set[int]]) -> list[int | None]:
    """Return for each row the place in `real` of the most similar row outside `barred`, the first of equals.

    None where all are barred.
    """
    if not rows or not real:
        return [None] * len(rows)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3))
    theirs = vectorizer.fit_transform(_join(real))
    cosines = (vectorizer.transform(_join(rows)) @ theirs.T).toarray()  # [N, M]
    for places, taken in zip(cosines, barred, strict=True):
        places[list(taken)] = -1.0
    best = cosines.argmax(axis=1)
    return [int(place) if cosines[row, place] >= 0 else None for row, place in enumerate(best)]


def _join(rows: Sequence[Example]) -> list[str]:
    return [f"{row.text1} {row.text2 or ''}" for row in rows]
