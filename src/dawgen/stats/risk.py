"""Risk and coverage of a classifier that abstains below a probability (El-Yaniv and Wiener 2010).

At a threshold, coverage is the share of rows that are answered, risk the share of wrong answers among these. AURC, the
area under risk over coverage, is mean_i risk(i / n): the mean risk when the i surest rows are answered, i = 1 ... n.
Rows of one probability come in together: no threshold parts them, and the area takes the mean over their orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Point:
    """What is answered from a probability of `threshold` on: coverage and risk, shares in [0, 1]."""

    threshold: float
    coverage: float
    risk: float


def trace_risk(sure: ArrayLike, right: ArrayLike) -> list[Point]:
    """Return a point for each different probability of the likeliest label, the surest first.

    sure: those probabilities, [N]. right: whether that label is the right one, [N].
    """
    p, wrong = np.asarray(sure, dtype=np.float64), 1 - np.asarray(right, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    p, wrong = p[order], np.cumsum(wrong[order])
    ends = np.flatnonzero(np.append(p[1:] != p[:-1], [True] * bool(len(p))))
    return [Point(float(p[end]), (end + 1) / len(p), float(wrong[end] / (end + 1))) for end in ends.tolist()]


def find_aurc(sure: ArrayLike, right: ArrayLike) -> float:
    """Return the area under risk over coverage, in [0, 1], of N >= 1 rows; arguments as in `trace_risk`."""
    points, n = trace_risk(sure, right), len(np.asarray(sure))
    ends = np.array([0, *(round(point.coverage * n) for point in points)])
    wrong = np.array([0, *(point.risk * end for point, end in zip(points, ends[1:], strict=True))])
    each = np.interp(np.arange(1, n + 1), ends, wrong)  # wrong among the i surest, rows of one probability evenly
    return float((each / np.arange(1, n + 1)).mean())
