"""A second opinion on written rows: a classifier that knows the few shots alone says how likely a row's label is.

The generator's own posterior shares the generator's mistakes; logistic regression on frozen features of the real rows
does not. For a row x with label y it gives p(y | x), to be compared with chance, 1/K.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dawgen.classifier.probe import ITERATIONS
from dawgen.classifier.rows import number_labels
from dawgen.curation.choose import find_homes
from dawgen.errors import DataError
from dawgen.records import Example

Embed = Callable[[Sequence[Example]], NDArray[np.float32]]
FOLDS = 5


class SecondOpinion:
    """embed: from examples to features [N,F], float32, that nothing was trained for.

    right_: of how many of the real rows it names the label when they are held out of its training, a share in [0, 1];
    None where a label has one row only. Nothing in it is random.
    """

    def __init__(self, labels: Sequence[str], embed: Embed) -> None:
        self._labels, self._embed = list(labels), embed
        self.right_: float | None = None

    def fit(self, real: Sequence[Example]) -> SecondOpinion:
        """Fit on the real rows.

        Raises:
            DataError: a row without a label or with one of no name, or a label without rows.
        """
        numbers = np.array(number_labels(real, self._labels, "training rows"))
        rows = Counter(numbers.tolist())
        lacking = [name for number, name in enumerate(self._labels) if not rows[number]]
        if lacking:
            raise DataError(f"expected real rows of every label, found none of {', '.join(lacking)}.")
        features = self._embed(real)
        self._model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the few rows are told apart long before
            self._model.fit(features, numbers)
            self._numbers, self._features = numbers, self._model[:-1].transform(features)
            folds = min(FOLDS, *rows.values())
            if folds > 1:
                held_out = cross_val_predict(self._model, features, numbers, cv=StratifiedKFold(folds))
                self.right_ = float((held_out == numbers).mean())
        return self

    def rate(self, examples: Sequence[Example]) -> tuple[NDArray[np.float64], list[int]]:
        """Return the probability of each example's own label, [N], and the number of the real row of that label that is
        nearest to it in the standardised features, [N].

        Raises:
            DataError: a row without a label or with one of no name.
        """
        own = np.array(number_labels(examples, self._labels, "synthetic rows"))
        features = self._model[:-1].transform(self._embed(examples))
        chances: NDArray[np.float64] = self._model[-1].predict_proba(features)
        homes = np.zeros(len(examples), dtype=int)
        for label in set(own.tolist()):
            rows, known = np.flatnonzero(own == label), np.flatnonzero(self._numbers == label)
            homes[rows] = known[find_homes(features[rows], self._features[known])]
        return chances[np.arange(len(examples)), own], homes.tolist()

    def weigh(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """Return the probability of each example's own label, [N] in [0, 1].

        Raises:
            DataError: a row without a label or with one of no name.
        """
        if not examples:
            return np.zeros(0)
        own = number_labels(examples, self._labels, "synthetic rows")
        chances: NDArray[np.float64] = self._model.predict_proba(self._embed(examples))
        return chances[np.arange(len(examples)), own]
