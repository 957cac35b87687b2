"""The share of right labels in a set without an oracle: a judge's answers, corrected for its own mistakes.

The judge answers j where k is true with probability C[k, j], measured on held-out real rows. If a share p_l[k] of the
rows that the set calls l is truly k, the judge answers j on a share sum_k p_l[k] C[k, j] of them. `unmix` finds the
p_l nearest to the answers (Rogan and Gladen 1978 for two labels); right is the share p_l[l]. This assumes that the
judge errs on synthetic texts as it does on real ones. It does not quite: what misleads the judge misleads a generator
too, so that they agree on wrong labels. On scenes the corrected share is too high (docs/audit.md), which is why the
interval reaches down to the plain agreement. And if no mixture of real rows explains the answers on the set (copies are
easier than real rows), the unexplained share of answers widens the interval at both ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import binomtest

from dawgen.data import leak_key
from dawgen.evaluate.audit.judge import FEWEST, Judge, answer_held_out, number_rows
from dawgen.records import Example
from dawgen.rng import numpy_rng

DRAWS = 500
PRIOR = 0.5  # Jeffreys' count of every answer, so that 16 of 16 is not taken for certain
LEVEL = 0.95
SUM_WEIGHT = 1e3  # how much more the shares' sum of 1 counts than the answers
WIDE = 0.5  # a wider interval tells nothing

Floats = NDArray[np.float64]


def describe_correctness(
    fidelity: Mapping[str, Any], by_label: Mapping[str, Any], judged: Mapping[str, Any] | None, posterior: Any
) -> dict[str, Any]:
    """Return the audit's label_correctness: value, source, ungrammatical, by_label, judge and posterior.

    fidelity, by_label: `measure_fidelity` of the set and of each label's rows. judged: what `judge_labels` returns.
    The value is the oracle's where there is one, else the judge's corrected share (None where it cannot tell), else
    the posterior's.
    """
    found = {"ungrammatical": fidelity["ungrammatical"], "judge": judged, "posterior": posterior}
    if fidelity["label_fidelity"] is not None:
        shares = {label: numbers["label_fidelity"] for label, numbers in by_label.items()}
        return {"value": fidelity["label_fidelity"], "source": "oracle", "by_label": shares, **found}
    if judged is not None:
        value = judged["corrected"] if judged["tells"] else None
        return {"value": value, "source": "judge", "by_label": judged["by_label"], **found}
    value = None if posterior is None else posterior["value"]
    return {"value": value, "source": None if value is None else "posterior", "by_label": None, **found}


def judge_labels(
    rows: Sequence[Example],
    real: Sequence[Example],
    labels: Sequence[str],
    *,
    test: Sequence[Example] = (),
    seed: int,
) -> dict[str, Any] | None:
    """Return the verdict on the set's labels of a judge that learns from the real rows; None if these are too few.

    name, trained_on, tells: whether it can tell at all. accuracy, low, high (95 %, Wilson), n_test, chance: the share
    of the most frequent label. agreement: the share of the set's rows where it says what the set says. corrected: the
    estimated share of right labels, between corrected_low (agreement or the 95 % interval's end, whichever is lower)
    and corrected_high; by_label: the same for each label of the set. misfit: see `measure_misfit`.

    The accuracy is that on `test` (without rows that the judge has learnt from), or without a test set that of judges
    that learn from four fifths of the real rows each and answer for the rest.
    """
    known = {leak_key(row) for row in real}
    held = [row for row in test if leak_key(row) not in known]
    if min(np.bincount(number_rows(real, labels), minlength=len(labels))) < (FEWEST if held else 2 * FEWEST):
        return None
    answers = Judge(real, labels, seed=seed) if held else None
    tested = answers.predict(held) if answers else answer_held_out(real, labels, seed=seed)
    judge = answers or Judge(real, labels, seed=seed)
    confusion = count_answers(number_rows(held or real, labels), tested, len(labels))
    return describe_judge(judge, rows, confusion)


def describe_judge(judge: Judge, rows: Sequence[Example], confusion: NDArray[np.int64]) -> dict[str, Any]:
    """Return `judge_labels` of a fitted judge. confusion: its answers on held-out real rows, [K,K]."""
    said = count_answers(number_rows(rows, judge.labels), judge.predict(rows), len(judge.labels))
    right, tested = int(np.trace(confusion)), int(confusion.sum())
    interval = binomtest(right, tested).proportion_ci(LEVEL, method="wilson")
    chance = float(confusion.sum(1).max() / tested)
    corrected = correct_shares(confusion, said, seed=judge.seed)
    agreement = float(np.trace(said) / said.sum())
    if corrected is not None:
        corrected["corrected_low"] = min(corrected["corrected_low"], agreement)
    sure = corrected is not None and corrected["corrected_high"] - corrected["corrected_low"] < WIDE
    return {
        "name": judge.name,
        "trained_on": judge.rows,
        "tells": bool(sure and interval.low > chance),
        "accuracy": right / tested,
        "low": float(interval.low),
        "high": float(interval.high),
        "n_test": tested,
        "chance": chance,
        "agreement": agreement,
        **(corrected or dict.fromkeys(("corrected", "corrected_low", "corrected_high", "misfit"))),
        "by_label": None if corrected is None else dict(zip(judge.labels, corrected["by_label"], strict=True)),
    }


def count_answers(truth: NDArray[np.int64], answers: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    """Return how often label k [rows] was answered with j [columns], [K,K]."""
    counts = np.zeros((labels, labels), dtype=np.int64)
    np.add.at(counts, (truth, answers), 1)
    return counts


def correct_shares(confusion: NDArray[np.int64], said: NDArray[np.int64], *, seed: int) -> dict[str, Any] | None:
    """Return corrected, its low and high, misfit and by_label [K] from answer counts [K,K] on real and set rows.

    The interval is that of DRAWS draws of all answer shares from their Dirichlet posteriors, misfit added. A label
    without rows in the set has a by_label of None and no weight. None where a label has no held-out real row.
    """
    if not confusion.sum(1).all():
        return None
    weights = said.sum(1) / said.sum()
    shares = find_right(_normalise(confusion), _normalise(said))
    misfit = float(weights @ measure_misfit(_normalise(confusion), _normalise(said)))
    rng = numpy_rng(seed, "audit/corrected")
    drawn = [float(weights @ find_right(_draw(confusion, rng), _draw(said, rng))) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    value = float(weights @ shares)
    return {
        "corrected": value,
        "corrected_low": max(0.0, min(float(low), value) - misfit),  # at 0 or 1 all draws lie to one side
        "corrected_high": min(1.0, max(float(high), value) + misfit),
        "misfit": misfit,
        "by_label": [float(share) if weight else None for share, weight in zip(shares, weights, strict=True)],
    }


def find_right(confusion: Floats, said: Floats) -> Floats:
    """Return for each label l of the set the share p_l[l] that truly has it, [K], from answer shares [K,K]."""
    return np.array([unmix(said[label], confusion)[label] for label in range(len(said))])


def measure_misfit(confusion: Floats, said: Floats) -> Floats:
    """Return for each label of the set the share of answers that no mixture of true labels explains, [K].

    sum_j |said_l[j] - (p_l @ C)[j]| / 2 with p_l the nearest mixture.
    """
    nearest = np.array([unmix(row, confusion) @ confusion for row in said])
    return np.asarray(np.abs(said - nearest).sum(1) / 2)


def unmix(answers: Floats, confusion: Floats) -> Floats:
    """Return the shares p [K] of true labels, not negative and of sum 1, for which p @ confusion is nearest answers."""
    rows = np.vstack([confusion.T, np.full(len(answers), SUM_WEIGHT)])
    shares, _ = nnls(rows, np.append(answers, SUM_WEIGHT))
    return np.asarray(shares / shares.sum())


def _normalise(counts: NDArray[np.int64]) -> Floats:
    sums = counts.sum(1, keepdims=True)
    return np.asarray(np.where(sums > 0, counts / np.maximum(sums, 1), 1 / len(counts)))


def _draw(counts: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    return np.array([rng.dirichlet(row + PRIOR) for row in counts])
