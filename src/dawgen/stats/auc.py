"""The area under the ROC curve from ranks (Mann-Whitney), and its standard error (DeLong et al. 1988)."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def find_aucs(scores: Floats, first: NDArray[np.bool_]) -> Floats:
    """Return the area under the ROC curve of each column, [R]; equal scores count half. first: [N,R]."""
    ranks, n = rankdata(scores, axis=0), first.sum(0)
    return np.asarray(((ranks * first).sum(0) - n * (n + 1) / 2) / (n * (len(scores) - n)))


def find_auc_error(first: Floats, second: Floats) -> float:
    """Return the standard error of the AUC of scores [N] against [M].

    var = var_i(V_i) / N + var_j(W_j) / M, V_i the share of the second sample below row i, W_j of the first above j.
    """
    pooled = rankdata(np.concatenate([first, second]))
    n, m = len(first), len(second)
    below = (pooled[:n] - rankdata(first)) / m
    above = 1 - (pooled[n:] - rankdata(second)) / n
    return float(np.sqrt(below.var(ddof=1) / n + above.var(ddof=1) / m))
