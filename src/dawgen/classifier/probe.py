"""A probe: logistic regression on features of the examples that are not trained."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from dawgen.classifier.rows import number_labels
from dawgen.data.balance import weigh_labels, weigh_rows
from dawgen.data.items import Item, as_examples
from dawgen.records import Example

ITERATIONS = 1000
LEAST = 1e-12  # probability of a label without training rows, so that its logarithm is a number


class Probe:
    """features: scikit-learn's transformer from examples to [N,F]. count_cut: of how many examples it reads a part.

    Nothing in it is random.
    """

    def __init__(
        self, labels: Sequence[str], features: Any, count_cut: Callable[[Sequence[Example]], int] | None = None
    ) -> None:
        self._classes = np.array(labels, dtype=object)
        self._head = LogisticRegression(max_iter=ITERATIONS)
        self._model = make_pipeline(features, self._head)
        self._count_cut = count_cut
        self.trainable_, self.warnings_ = 0, list[str]()
        self.dev_accuracy_: float | None = None
        self.ended_: tuple[int, str] | None = None
        self.temperature_: float | None = None
        self.tempered_: str | None = None

    def fit(self, real: Sequence[Example], synthetic: Sequence[Example] = (), *, weigh: bool = False) -> Probe:
        """Fit features and head; where there are synthetic rows, the real ones together weigh as much as they do.

        weigh: rows of a label with few of them weigh more, see `data.balance`.

        Raises:
            DataError: a row without a label, or with one of no name.
        """
        rows = [*real, *synthetic]
        numbers = np.array(number_labels(rows, self._classes.tolist(), "training rows"))
        weight = len(synthetic) / len(real) if synthetic else 1.0
        weights = np.array([weight] * len(real) + [1.0] * len(synthetic))
        if weigh:
            parts = (numbers[: len(real)].tolist(), numbers[len(real) :].tolist())
            weights *= np.array([each for part in parts for each in weigh_rows(part, weigh_labels(part))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said below, in our own words
            self._model.fit(rows, numbers, logisticregression__sample_weight=weights)
        if max(self._head.n_iter_) >= ITERATIONS:
            self.warnings_.append(f"logistic regression did not converge in {ITERATIONS} iterations")
        self.trainable_ = self._head.coef_.size + self._head.intercept_.size
        return self

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""
        examples = as_examples(items)
        return self._classes[self._model.predict(examples)] if examples else np.array([], dtype=object)

    def score_labels(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return label log-probabilities [N,K] in the order of the labels."""
        examples = as_examples(items)
        chances = np.zeros((len(examples), len(self._classes)))
        if examples:
            chances[:, self._head.classes_] = self._model.predict_proba(examples)
        return np.asarray(np.log(np.maximum(chances, LEAST)), dtype=np.float32)

    def count_cut(self, items: Iterable[Item]) -> int:
        """Return how many items lose the end of a text."""
        return self._count_cut(as_examples(items)) if self._count_cut else 0

    def save(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        """Write nothing: `dawgen.methods.kept` keeps what it was fitted on."""
