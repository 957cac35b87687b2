"""Rules and classifiers that guess a label from features that should not reveal it; fitted on rows, applied to rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from dawgen.curation.filters import measure_overlap
from dawgen.records import Example, generated_text
from dawgen.sameness import split_words

LEAST_ROWS = 0.02  # share of the rows that a side of a rule must have: a rule about a handful is chance


class Rule(Protocol):
    """A rule or classifier that guesses labels."""

    def predict(self, rows: Sequence[Example]) -> Sequence[str]:
        """Return a label for each row."""
        ...

    def describe(self) -> str | None:
        """Return the rule in words, None where it has too many."""
        ...


Finder = Callable[[Sequence[Example]], Rule]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that a row has, by the name that it has in a rule: a share in [0, 1], else a whole number."""

    name: str
    value: Callable[[Example], float]
    share: bool = False


@lru_cache(maxsize=65536)  # every fold and every rule asks for the same texts
def list_words(text: str | None) -> tuple[str, ...]:
    """Return the words without case and punctuation."""
    return tuple(split_words(text or ""))


LENGTHS = (
    Measure("words of the last text", lambda row: float(len(list_words(generated_text(row))))),
    Measure(
        "words of text2 minus words of text1",
        lambda row: float(len(list_words(row.text2)) - len(list_words(row.text1))),
    ),
)
OVERLAP = Measure("share of text2's words that stand in text1", lambda row: measure_overlap(row) or 0.0, share=True)


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A label for each stretch of one measure, cut at one threshold fewer than there are labels."""

    measure: Measure
    cuts: tuple[float, ...]
    answers: tuple[str, ...]

    @classmethod
    def fit(cls, rows: Sequence[Example], measure: Measure) -> ThresholdRule:
        """Return the thresholds that scikit-learn's decision tree of as many leaves as labels finds."""
        from sklearn.tree import DecisionTreeClassifier

        labels = [str(row.label) for row in rows]
        values = np.array([[measure.value(row)] for row in rows])
        tree = DecisionTreeClassifier(
            max_leaf_nodes=max(2, len(set(labels))), min_samples_leaf=max(1, round(LEAST_ROWS * len(rows)))
        ).fit(values, labels)
        cuts = sorted(tree.tree_.threshold[tree.tree_.children_left >= 0].tolist())
        middles = [[value] for value in _find_middles(cuts)]
        cuts, answers = _join_alike(cuts, [str(answer) for answer in tree.predict(middles)])
        return cls(measure, tuple(cuts), tuple(answers))

    def predict(self, rows: Sequence[Example]) -> list[str]:
        """Return the label of the stretch that each row's value lies in."""
        places = np.searchsorted(self.cuts, [self.measure.value(row) for row in rows], side="left")
        return [self.answers[place] for place in places]

    def describe(self) -> str:
        """Return the rule in words, such as `words of text2 <= 5: no, else: yes`."""
        if not self.cuts:
            return f"always {self.answers[0]}"
        ends = [f"<= {self._show(cut)}: {answer}" for cut, answer in zip(self.cuts, self.answers, strict=False)]
        return f"{self.measure.name} {', '.join([*ends, f'else: {self.answers[-1]}'])}"

    def _show(self, cut: float) -> str:
        return f"{100 * cut:.3g} %" if self.measure.share else f"{math.floor(cut)}"


@dataclass(frozen=True, slots=True)
class WordRule:
    """One label for the rows whose generated text has the word, one for the others."""

    word: str
    present: str
    absent: str

    @classmethod
    def fit(cls, rows: Sequence[Example]) -> WordRule:
        """Return the word by which most rows are right; the first in the alphabet of words that are as good."""
        labels = Counter(str(row.label) for row in rows)
        counts: dict[str, Counter[str]] = {}
        for row in rows:
            for word in set(list_words(generated_text(row))):
                counts.setdefault(word, Counter())[str(row.label)] += 1
        best, most = cls("", *[labels.most_common(1)[0][0]] * 2), 0
        for word, inside in sorted(counts.items()):
            if not LEAST_ROWS * len(rows) <= inside.total() <= (1 - LEAST_ROWS) * len(rows):
                continue
            present, hits = inside.most_common(1)[0]
            absent, others = max(((label, labels[label] - inside[label]) for label in labels), key=lambda kv: kv[1])
            if hits + others > most:
                best, most = cls(word, present, absent), hits + others
        return best

    def predict(self, rows: Sequence[Example]) -> list[str]:
        """Return the label by whether the word is there."""
        return [self.present if self.word in list_words(generated_text(row)) else self.absent for row in rows]

    def describe(self) -> str:
        """Return the rule in words."""
        if self.present == self.absent:
            return f"always {self.absent}"
        return f"{self.word!r} in the last text: {self.present}, else: {self.absent}"


@dataclass(frozen=True, slots=True)
class TextClassifier:
    """TF-IDF of words and pairs of words of one of the texts, and logistic regression."""

    pipeline: Any
    second: bool

    def predict(self, rows: Sequence[Example]) -> list[str]:
        """Return the most likely label of each row."""
        return [str(label) for label in self.pipeline.predict(_pick_texts(rows, self.second))] if rows else []

    def describe(self) -> None:
        """Return None: there are too many weights to write down."""


def fit_classifier(rows: Sequence[Example], *, second: bool) -> TextClassifier:
    """Return a classifier of text2 alone, or with second=False of text1 alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(analyzer=_list_features, sublinear_tf=True)
    pipeline = make_pipeline(words, LogisticRegression(C=10, max_iter=200, tol=1e-3))
    return TextClassifier(pipeline.fit(_pick_texts(rows, second), [str(row.label) for row in rows]), second)


def _list_features(text: str) -> list[str]:
    """Return words and pairs of words; single letters, which scikit-learn's own splitting leaves out, are words too."""
    words = list_words(text)
    return [*words, *map(" ".join, pairwise(words))]


def _pick_texts(rows: Sequence[Example], second: bool) -> list[str]:
    return [(row.text2 or "") if second else row.text1 for row in rows]


def _find_middles(cuts: Sequence[float]) -> list[float]:
    """Return a value inside each stretch that the cuts make."""
    if not cuts:
        return [0.0]
    return [cuts[0] - 1, *((low + high) / 2 for low, high in pairwise(cuts)), cuts[-1] + 1]


def _join_alike(cuts: Sequence[float], answers: Sequence[str]) -> tuple[list[float], list[str]]:
    """Leave out the cuts between stretches with the same answer."""
    kept = [place for place, cut in enumerate(cuts) if answers[place] != answers[place + 1]]
    return [cuts[place] for place in kept], [answers[place] for place in kept] + [answers[-1]]
