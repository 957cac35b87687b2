"""The posterior filter: the tuned generator read as a Bayes classifier with a uniform prior over labels.

p(y | text1, text2) = p(text2 | text1, Q_y) / sum_l p(text2 | text1, Q_l);
margin = log p(text2 | text1, Q_y) - max_{l != y} log p(text2 | text1, Q_l), the log odds against the best rival.
With many labels l runs over those that the text was held against (`generator.rivals`).
"""

import math
from collections.abc import Sequence


def measure_margin(logp: Sequence[float | None], own: int) -> float:
    """Return the margin in nats of label number `own` over the best other one.

    logp: log-likelihood of the generated text under each of the K >= 2 labels, in the task's order, None under those
    that it was not held against. The result is positive exactly where the generator would choose the row's own label,
    and NaN where it is not defined.
    """
    value = logp[own]
    rivals = [other for index, other in enumerate(logp) if index != own and other is not None]
    return math.nan if value is None or not rivals else value - max(rivals)
