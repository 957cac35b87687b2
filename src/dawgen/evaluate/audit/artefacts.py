"""Artefacts, which reveal a label and should not: the generated text alone, text1 alone, a threshold, or one word.

Accuracies of the set are measured on rows that the rule or classifier was not fitted on, in FOLDS folds that keep
rows of one text1 together: the siblings of a row share words with it and have other labels. On the real rows each label
weighs as much as in the set, so that both accuracies mean the same. An error is one standard error, by text1 for folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawgen.evaluate.audit.artefact_rules import (
    LENGTHS,
    OVERLAP,
    Finder,
    Measure,
    ThresholdRule,
    WordRule,
    fit_classifier,
)
from dawgen.evaluate.audit.artefact_words import list_label_words
from dawgen.records import Example
from dawgen.rng import derive_seed, python_rng, thin
from dawgen.sameness import normalise

MOST = 5000  # rows that classifiers and rules are fitted on
FOLDS = 5
ENOUGH_REAL = 30  # real rows from which on a rule must solve the set better than these to be an artefact
LEAST_GAIN = 0.1  # smallest accuracy above the majority that is reported
LEAST_GAP = 0.1  # accuracy above that on the real rows
ERRORS = 2.0  # standard errors that both must be beyond


@dataclass(frozen=True, slots=True)
class Folded:
    """Rows and the fold of each, [N]."""

    rows: Sequence[Example]
    folds: NDArray[np.int64]


def describe_artefacts(
    rows: Sequence[Example], real: Sequence[Example], labels: Sequence[str], *, seed: int
) -> dict[str, Any]:
    """Return hypothesis_only, first_text_only, length, overlap and word (see `measure_finder`), words, rule, sample.

    The first two and overlap are None for single texts; all five are None where a label has fewer than FOLDS rows.
    words: see `list_label_words`. rule: the best two-line rule that is an artefact, or None. sample: rows looked at.
    """
    rows = thin([row for row in rows if row.label in labels], MOST, seed, "audit/artefacts")
    weights = Counter(str(row.label) for row in rows)
    ours, theirs = split_folds(rows, seed), split_folds(balance_labels(real, weights, seed), seed)
    finders = list_finders(pair=bool(rows) and rows[0].text2 is not None)
    found: dict[str, Any] = {"sample": len(rows)}
    for name, choices in finders.items():
        each = [] if ours is None else [measure_finder(finder, ours, real, theirs) for finder in choices]
        found[name] = max(each, key=lambda numbers: float(numbers["accuracy"]), default=None)
    rule = choose_rule([found[name] for name in ("length", "overlap", "word")])
    return found | {"words": list_label_words(rows, real, labels), "rule": rule}


def list_finders(*, pair: bool) -> dict[str, list[Finder]]:
    """Return the finders of artefacts by name; of several with one name the best counts."""

    def find_threshold(measure: Measure) -> Finder:
        return lambda rows: ThresholdRule.fit(rows, measure)

    def find_classifier(second: bool) -> Finder:
        return lambda rows: fit_classifier(rows, second=second)

    return {
        "hypothesis_only": [find_classifier(True)] if pair else [],
        "first_text_only": [find_classifier(False)] if pair else [],
        "length": [find_threshold(measure) for measure in (LENGTHS if pair else LENGTHS[:1])],
        "overlap": [find_threshold(OVERLAP)] if pair else [],
        "word": [WordRule.fit],
    }


def measure_finder(find: Finder, ours: Folded, real: Sequence[Example], theirs: Folded | None) -> dict[str, Any]:
    """Return the accuracy of a rule on the set, on the real rows, and on the real rows when fitted on them.

    accuracy, error, majority: of the set. transfer, transfer_error: the set's rule on the real rows; None where a
    label of the set has no real row. real_accuracy, real_error: the best rule of the kind that real rows have, of
    balanced ones, by folds; None where there are too few. rule: in words; None for a classifier, which has too many.
    """
    weights = Counter(str(row.label) for row in ours.rows)
    whole = find(ours.rows)
    accuracy, error = cross_validate(find, ours)
    transfer, transfer_error = weigh_accuracy(real, whole.predict(real), weights)
    real_accuracy, real_error = (None, None) if theirs is None else cross_validate(find, theirs)
    return {
        "accuracy": accuracy,
        "error": error,
        "majority": weights.most_common(1)[0][1] / len(ours.rows),
        "transfer": transfer,
        "transfer_error": transfer_error,
        "real_accuracy": real_accuracy,
        "real_error": real_error,
        "real_rows": len(real),
        "rule": whole.describe(),
    }


def cross_validate(find: Finder, folded: Folded) -> tuple[float, float]:
    """Return the accuracy of rules on rows on which they were not fitted, and its standard error."""
    rows, folds = folded.rows, folded.folds
    right = np.zeros(len(rows))
    for fold in range(FOLDS):
        rule = find([row for row, place in zip(rows, folds, strict=True) if place != fold])
        held = np.flatnonzero(folds == fold).tolist()
        answers = rule.predict([rows[place] for place in held])
        right[held] = [answer == rows[place].label for answer, place in zip(answers, held, strict=True)]
    return float(right.mean()), find_group_error(right, [normalise(row.text1) for row in rows])


def balance_labels(real: Sequence[Example], weights: Counter[str], seed: int) -> list[Example]:
    """Return real rows, at most MOST, whose labels stand in the proportions of `weights`; none if a label lacks."""
    counts = Counter(str(row.label) for row in real)
    total = min(MOST, *(weights.total() * counts[label] / weight for label, weight in weights.items()))
    left = {label: int(total * weight / weights.total()) for label, weight in weights.items()}
    kept = []
    for row in python_rng(seed, "audit/balance").sample(list(real), len(real)):
        if left.get(str(row.label), 0) > 0:
            left[str(row.label)] -= 1
            kept.append(row)
    return kept


def find_group_error(right: NDArray[np.float64], groups: Sequence[str]) -> float:
    """Return the standard error of the mean of `right` [N] where rows of a group are not independent.

    se^2 = (G / (G - 1)) * sum over G groups of (sum of a group's residuals)^2 / N^2.
    """
    _, places = np.unique(np.array(groups), return_inverse=True)
    sums = np.bincount(places, weights=right - right.mean())
    count = len(sums)
    return float(np.sqrt(count / max(1, count - 1) * (sums**2).sum()) / len(right))


def weigh_accuracy(
    real: Sequence[Example], predicted: Sequence[str], weights: Counter[str]
) -> tuple[float | None, float | None]:
    """Return the accuracy on real rows with each label weighing as in `weights`, and its standard error.

    a = sum_l w_l r_l, se^2 = sum_l w_l^2 r_l (1 - r_l) / n_l with r_l the share of the n_l rows that is right; of few
    rows r_l is taken as (right + 1) / (n_l + 2) in the error, so that none of two is not certain.
    """
    accuracy = variance = 0.0
    for label, weight in weights.items():
        hits = [answer == label for row, answer in zip(real, predicted, strict=True) if row.label == label]
        if not hits:
            return None, None
        share, rate = weight / weights.total(), (sum(hits) + 1) / (len(hits) + 2)
        accuracy += share * sum(hits) / len(hits)
        variance += share**2 * rate * (1 - rate) / len(hits)
    return accuracy, variance**0.5


def choose_rule(found: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Return the best rule that is an artefact, its words under "text", or None."""
    artefacts = [numbers for numbers in found if numbers is not None and is_artefact(numbers)]
    best = max(artefacts, key=lambda numbers: float(numbers["accuracy"]), default=None)
    if best is None:
        return None
    return {"text": best["rule"]} | {
        name: best[name] for name in ("accuracy", "majority", "transfer", "real_accuracy", "real_rows")
    }


def is_artefact(numbers: dict[str, Any]) -> bool:
    """Return whether a rule solves the set well above the majority, and clearly better than the real rows.

    On the real rows the better of two rules counts: the set's, and the best one of its kind. The real rows do not count
    if there are fewer than ENOUGH_REAL, or none of a label.
    """
    if numbers["accuracy"] - numbers["majority"] < max(LEAST_GAIN, ERRORS * numbers["error"]):
        return False
    if numbers["transfer"] is None or numbers["real_rows"] < ENOUGH_REAL:
        return True
    sides = [(numbers["transfer"], numbers["transfer_error"])]
    if numbers["real_accuracy"] is not None:
        sides.append((numbers["real_accuracy"], numbers["real_error"]))
    return all(
        numbers["accuracy"] - value > max(LEAST_GAP, ERRORS * float(np.hypot(numbers["error"], error)))
        for value, error in sides
    )


def split_folds(rows: Sequence[Example], seed: int) -> Folded | None:
    """Return the rows in FOLDS folds, those of one text1 together; None for a label of fewer, or too few texts."""
    from sklearn.model_selection import StratifiedGroupKFold

    labels, groups = [str(row.label) for row in rows], [normalise(row.text1) for row in rows]
    counts = Counter(labels)
    if len(counts) < 2 or min(counts.values()) < FOLDS or len(set(groups)) < FOLDS:
        return None
    folds = np.zeros(len(rows), dtype=np.int64)
    state = derive_seed(seed, "audit/folds") % 2**32
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=state)
    for fold, (_, held) in enumerate(splitter.split(np.zeros(len(rows)), labels, groups)):
        folds[held] = fold
    return Folded(rows, folds)
