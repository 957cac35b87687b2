"""By how much the accuracy of the best of m settings is too high on the n dev rows that chose it.

With true accuracy p for all, dev scores X_i / n, X_i ~ Bin(n, p) independent:
E[max_i X_i] / n - p = (1/n) * sum_{k=0}^{n-1} (1 - F(k)^m) - p, F the binomial distribution function.
An upper bound in practice: checkpoints of one run give similar answers, and settings differ in p; both leave less to
chance.
"""

import numpy as np
from scipy.special import bdtr


def expect_best(p: float, n: int, m: int) -> float:
    """Return the expected excess of the best of m >= 1 independent settings of accuracy p on n >= 1 dev rows."""
    below = bdtr(np.arange(n), n, p)  # F(0) ... F(n - 1)
    return float((1 - below**m).mean()) - p
