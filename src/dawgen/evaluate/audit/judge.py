"""A judge of labels for tasks without an oracle: word overlap and words, learnt from real rows in seconds.

Two stages of scikit-learn, stacked (Wolpert 1992): logistic regression on which words the texts share or have alone,
whose log-probabilities for rows that it was not fitted on stand beside the overlap features (`overlap`) in front
of gradient-boosted trees. Below TREES_FROM rows a second logistic regression does better than trees.

It uses nothing of the target, so that its mistakes are not those of the model that is trained on the set.
docs/audit.md compares it with classifiers on the target's vectors and with the fully tuned target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dawgen.classifier.overlap import learn_idf, mark_words, measure_rows
from dawgen.errors import DataError
from dawgen.records import Example
from dawgen.rng import derive_seed, thin

FOLDS = 5
FEWEST = 2  # rows of each label: one to learn from and one to be held out
MOST = 10_000  # rows to learn from
TREES_FROM = 1000
PENALTY = 0.1  # scikit-learn's C of both regressions


class Judge:
    """A classifier fitted on labelled rows, which gives each row one of their labels.

        judge = Judge(real, task.labels, seed=13)
        judge.predict(synthetic)  # numbers of labels, [N]

    Raises DataError for a label with fewer than 2 rows.
    """

    def __init__(self, rows: Sequence[Example], labels: Sequence[str], *, seed: int) -> None:
        rows = thin(rows, MOST, seed, "audit/judge/rows")
        self.labels, self.rows, self.seed = tuple(labels), len(rows), seed
        own = number_rows(rows, labels)
        fewest = min(np.bincount(own, minlength=len(labels)))
        if fewest < FEWEST:
            raise DataError(f"expected {FEWEST} real rows or more of each label for a judge, found one with {fewest}.")
        self._idf = learn_idf(rows)
        self._words = CountVectorizer(analyzer=mark_words, binary=True).fit(rows)
        counted = self._words.transform(rows)
        self._first = LogisticRegression(C=PENALTY, max_iter=500).fit(counted, own)
        folds = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=self._draw("folds"))
        fresh = LogisticRegression(C=PENALTY, max_iter=500)
        unseen = cross_val_predict(fresh, counted, own, cv=folds, method="predict_log_proba")
        self._second = self._make_second().fit(np.hstack([self._measure(rows), unseen]), own)

    @property
    def name(self) -> str:
        """Its name in results."""
        kind = "boosted trees" if self.rows >= TREES_FROM else "logistic regression"
        return f"{kind} on word overlap and words, fitted on {self.rows:,} real rows"

    def predict(self, rows: Sequence[Example]) -> NDArray[np.int64]:
        """Return the number of the likeliest label of each row, [N]."""
        if not rows:
            return np.zeros(0, dtype=np.int64)
        first = self._first.predict_log_proba(self._words.transform(rows))
        answers: NDArray[np.int64] = self._second.predict(np.hstack([self._measure(rows), first]))
        return answers

    def _measure(self, rows: Sequence[Example]) -> NDArray[np.float64]:
        return measure_rows(rows, self._idf)

    def _make_second(self) -> Any:
        if self.rows < TREES_FROM:
            return make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=500))
        return HistGradientBoostingClassifier(
            max_iter=150, learning_rate=0.05, max_leaf_nodes=15, early_stopping=False, random_state=self._draw("trees")
        )

    def _draw(self, purpose: str) -> int:
        return derive_seed(self.seed, f"audit/judge/{purpose}") % 2**32


def answer_held_out(rows: Sequence[Example], labels: Sequence[str], *, seed: int) -> NDArray[np.int64]:
    """Return the labels that judges give to rows on which they were not fitted, [N]: each of FOLDS parts is judged by
    one that was fitted on the others.

    Raises DataError for a label with fewer than 4 rows, half of which may be held out.
    """
    own = number_rows(rows, labels)
    fewest = min(np.bincount(own, minlength=len(labels)))
    if fewest < 2 * FEWEST:
        raise DataError(f"expected {2 * FEWEST} real rows or more of each label for a judge, found one with {fewest}.")
    answers = np.zeros(len(rows), dtype=np.int64)
    folds = StratifiedKFold(
        FOLDS if fewest >= FOLDS else 2, shuffle=True, random_state=derive_seed(seed, "audit/held") % 2**32
    )
    for kept, held in folds.split(np.zeros(len(rows)), own):
        judge = Judge([rows[place] for place in kept], labels, seed=seed)
        answers[held] = judge.predict([rows[place] for place in held])
    return answers


def number_rows(rows: Sequence[Example], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each row's label, [N]. Raises DataError for a label that is none of them."""
    numbers = {label: number for number, label in enumerate(labels)}
    strange = Counter(str(row.label) for row in rows if row.label not in numbers)
    if strange:
        raise DataError(f"expected labels among {', '.join(labels)}, found {next(iter(strange))!r}.")
    return np.array([numbers[str(row.label)] for row in rows], dtype=np.int64)
