"""Scores of a classifier: accuracy, macro-F1 and confusion, always with the number of rows."""

from collections.abc import Sequence
from typing import Any

import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch import Tensor

from dawgen.errors import DataError


def measure(truth: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Return {"accuracy", "macro_f1", "n", "labels", "confusion"}, all JSON-able.

    Macro-F1 is the mean over `labels`, those without a row counting 0. confusion: [K,K], rows are the truth.

    Raises:
        DataError: no rows, or lists of different length.
    """
    if not truth or len(truth) != len(predicted):
        raise DataError(f"expected labelled rows with a prediction each, got {len(truth)} and {len(predicted)}.")
    names = list(labels)
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, labels=names, average="macro", zero_division=0)),
        "n": len(truth),
        "labels": names,
        "confusion": confusion_matrix(truth, predicted, labels=names).tolist(),
    }


def judge_scores(scores: Tensor, labels: Sequence[int]) -> tuple[float, float]:
    """Return accuracy and mean cross-entropy in nats of label log-probabilities [N,K]."""
    targets = torch.tensor(labels)
    accuracy = float((scores.argmax(1) == targets).double().mean())
    return accuracy, float(-scores.gather(1, targets[:, None]).double().mean())
