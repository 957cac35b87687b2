"""Scores of a classifier: accuracy, macro-F1 and confusion, always with the number of rows; and how far its
probabilities are right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch import Tensor

from dawgen.errors import DataError
from dawgen.stats.reliability import find_brier, find_ece, find_ece_noise
from dawgen.stats.risk import find_aurc
from dawgen.stats.temperature import apply_temperature, find_nll


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


def measure_chances(
    scores: NDArray[np.float32], truth: Sequence[int], temperature: float | None = None
) -> dict[str, Any]:
    """Return {"nll" (nats), "ece", "ece_noise", "brier" (0 to 2), "aurc"} of the probabilities softmax(scores / T).

    scores: label log-probabilities [N,K], N >= 1, as the model gives them. truth: label numbers [N]. temperature: T;
    with one, "temperature" and "untempered", {"nll", "ece", "brier"} of T = 1, are there too. Empty where a score is
    not finite.
    """
    if not np.isfinite(scores).all():
        return {}
    logs = apply_temperature(scores, temperature or 1.0)
    chances = np.exp(logs)
    right, sure = scores.argmax(1) == np.array(truth), chances.max(1)
    found: dict[str, Any] = {
        "nll": find_nll(logs, truth),
        "ece": find_ece(sure, right),
        "ece_noise": find_ece_noise(sure),
        "brier": find_brier(chances, truth),
        "aurc": find_aurc(sure, right),
    }
    if temperature is not None:
        before = measure_chances(scores, truth)
        found["temperature"] = temperature
        found["untempered"] = {name: before[name] for name in ("nll", "ece", "brier")}
    return found


def judge_scores(scores: Tensor, labels: Sequence[int]) -> tuple[float, float]:
    """Return accuracy and mean cross-entropy in nats of label log-probabilities [N,K]."""
    targets = torch.tensor(labels)
    accuracy = float((scores.argmax(1) == targets).double().mean())
    return accuracy, float(-scores.gather(1, targets[:, None]).double().mean())
