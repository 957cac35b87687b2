"""Do rows that oppose the real gradient have wrong labels? AUC of detectors of mislabelled rows, cos and its rivals.

AUC = P(score of a mislabelled row > score of a right row) + P(equal) / 2, from ranks (Mann-Whitney).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawgen.evaluate.gradients.examples import KINDS, UNREADABLE, Drawn
from dawgen.evaluate.gradients.numbers import Estimate, estimate_mean
from dawgen.rng import numpy_rng
from dawgen.stats import find_aucs

DRAWS = 1000  # of the bootstrap over examples
Scores = NDArray[np.float64]
Marks = NDArray[np.bool_]

# The higher the score, the likelier a wrong label.
DETECTORS: dict[str, Callable[[Drawn], float]] = {
    "cos": lambda one: -one.cos,
    "projection": lambda one: -one.projection,
    "loss": lambda one: one.loss,
    "norm": lambda one: one.norm,
    "posterior": lambda one: math.nan if one.margin is None else -one.margin,
}


def measure_auc(scores: Scores, wrong: Marks) -> float:
    """Return the AUC of scores [N] as a detector of the marked rows; nan where all rows are of one kind."""
    if wrong.all() or not wrong.any():
        return math.nan
    return float(find_aucs(scores[:, None], wrong[:, None])[0])


def measure_auc_within(scores: Scores, wrong: Marks, labels: NDArray[np.int64]) -> float:
    """Return the AUC over pairs of rows of the same label, for which the label itself carries no information."""
    total, pairs = 0.0, 0
    for label in np.unique(labels):
        own = labels == label
        count = int(wrong[own].sum()) * int((~wrong[own]).sum())
        if count:
            total, pairs = total + count * measure_auc(scores[own], wrong[own]), pairs + count
    return total / pairs if pairs else math.nan


def judge_detectors(runs: Sequence[Sequence[Drawn]], *, seed: int) -> dict[str, Any] | None:
    """Return how conflict goes with wrong labels and the AUCs; None where no oracle knows them or none is wrong.

    auc: of all pairs of a mislabelled and a right row; auc_within_labels: of pairs of one label; ahead: AUC of cos
    minus a rival's. Unreadable rows have no true label and are left out of AUCs; conflict has them apart. Intervals
    are over runs, those of one run over its examples (bootstrap of an AUC).
    """
    if any(one.kind is None for run in runs for one in run):
        return None
    tables = [_make_table(run) for run in runs]
    if not all(table["wrong"].any() and not table["wrong"].all() for table in tables):
        return None
    names = [name for name in DETECTORS if not any(np.isnan(table[name]).any() for table in tables)]
    values = [_measure_all(table, names) for table in tables]
    spread = _bootstrap(tables[0], names, seed) if len(tables) == 1 else {}
    estimates = {key: _estimate([value[key] for value in values], spread.get(key)) for key in values[0]}
    return {
        "examples": [{kind: sum(one.kind == kind for one in run) for kind in KINDS} for run in runs],
        "conflict": {kind: _rate_conflict(runs, kind) for kind in KINDS},
        "auc": {name: estimates[f"auc {name}"] for name in names},
        "auc_within_labels": {name: estimates[f"within {name}"] for name in names},
        "ahead": {name: estimates[f"ahead {name}"] for name in names if name != "cos"},
    }


def _make_table(run: Sequence[Drawn]) -> dict[str, Any]:
    known = [one for one in run if one.kind != UNREADABLE]
    labels = sorted({str(one.example.label) for one in known})
    table: dict[str, Any] = {name: np.array([score(one) for one in known]) for name, score in DETECTORS.items()}
    table["wrong"] = np.array([one.kind == "mislabelled" for one in known], dtype=bool)
    table["labels"] = np.array([labels.index(str(one.example.label)) for one in known], dtype=np.int64)
    return table


def _measure_all(table: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    auc = {name: measure_auc(table[name], table["wrong"]) for name in names}
    within = {name: measure_auc_within(table[name], table["wrong"], table["labels"]) for name in names}
    return {
        **{f"auc {name}": value for name, value in auc.items()},
        **{f"within {name}": value for name, value in within.items()},
        **{f"ahead {name}": auc["cos"] - value for name, value in auc.items()},
    }


def _bootstrap(table: Mapping[str, Any], names: Sequence[str], seed: int) -> dict[str, tuple[float, float]]:
    """Return percentile intervals of all AUCs and differences: the same rows are drawn for every detector."""
    rng, rows = numpy_rng(seed, "AUC of detectors"), len(table["wrong"])
    drawn = []
    for _ in range(DRAWS):
        places = rng.integers(rows, size=rows)
        drawn.append(_measure_all({name: column[places] for name, column in table.items()}, names))
    found = {}
    for key in drawn[0]:
        values = np.array([value[key] for value in drawn])
        if not np.isnan(values).all():
            low, high = np.nanquantile(values, [0.025, 0.975])
            found[key] = (float(low), float(high))
    return found


def _estimate(values: Sequence[float], interval: tuple[float, float] | None) -> Estimate:
    known = [value for value in values if not math.isnan(value)]
    found = estimate_mean(known)
    return found if interval is None else {"mean": found["mean"], "low": interval[0], "high": interval[1]}


def _rate_conflict(runs: Sequence[Sequence[Drawn]], kind: str) -> Estimate:
    """Return the mean share of draws in conflict of a kind's examples; over runs, or over the examples of one."""
    values = [[one.conflict for one in run if one.kind == kind] for run in runs]
    means = [float(np.mean(rows)) for rows in values if rows]
    return estimate_mean(values[0] if len(runs) == 1 else means)
