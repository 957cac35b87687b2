"""The posterior filter: the tuned generator read as a Bayes classifier with a uniform prior over labels.

p(y | text1, text2) = p(text2 | text1, Q_y) / sum_l p(text2 | text1, Q_l);
margin = log p(text2 | text1, Q_y) - max_{l != y} log p(text2 | text1, Q_l), the log odds against the best rival.
"""

from collections.abc import Sequence


def measure_margin(logp: Sequence[float], own: int) -> float:
    """Return the margin in nats of label number `own` over the best other one.

    logp: log-likelihood of the generated text under each of the K >= 2 labels, in the task's order. The result is
    positive exactly where the generator would choose the row's own label, and NaN where it is not defined.
    """
    return logp[own] - max(value for index, value in enumerate(logp) if index != own)
