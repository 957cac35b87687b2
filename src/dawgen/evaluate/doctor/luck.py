"""The probability of a count by chance alone: exact tests for few rows."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.special import bdtr, bdtrc
from scipy.stats import chi2, hypergeom

from dawgen.evaluate.doctor.facts import Share


def reach_at_most(share: Share, p: float) -> float:
    """Return P(X <= count) for X ~ Bin(rows, p)."""
    return float(bdtr(share.count, share.rows, p))


def reach_at_least(share: Share, p: float) -> float:
    """Return P(X >= count) for X ~ Bin(rows, p)."""
    return 1.0 if share.count <= 0 else float(bdtrc(share.count - 1, share.rows, p))


def guess(confusion: Sequence[Sequence[int]]) -> float:
    """Return the expected accuracy of the same answers in random order: sum_k share(true = k) * share(answered = k)."""
    rows = sum(map(sum, confusion))
    return sum(sum(row) * sum(other[k] for other in confusion) for k, row in enumerate(confusion)) / max(1, rows**2)


def exceed(high: Share, low: Share) -> float:
    """Return Fisher's exact one-sided p of two independent shares: how often `high` would be as far above by chance."""
    right = high.count + low.count
    return float(hypergeom.sf(high.count - 1, high.rows + low.rows, right, high.rows))


def vary(shares: Sequence[Share]) -> float:
    """Return p of the chi-square test that all shares have one rate m.

    sum_i (x_i - n_i m)^2 / (n_i m (1 - m)) has k - 1 degrees of freedom for k shares. 1 where m is 0 or 1.
    """
    rate = sum(share.count for share in shares) / max(1, sum(share.rows for share in shares))
    if not 0 < rate < 1:
        return 1.0
    statistic = sum((s.count - s.rows * rate) ** 2 / (s.rows * rate * (1 - rate)) for s in shares)
    return float(chi2.sf(statistic, len(shares) - 1))
