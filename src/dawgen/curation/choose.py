"""Of more rows than are wanted, those whose label is likely, spread over the neighbourhoods of the real rows.

The likeliest rows alone would be many versions of the easiest ones. Each row belongs to the real row of its label that
is nearest to it; these take turns, and each gives the likeliest of its rows that are left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def choose_spread(scores: Sequence[float], homes: Sequence[int], count: int) -> list[int]:
    """Return the places of `count` rows in rising order, or of all where there are no more.

    scores: [N], higher is likelier. homes: [N], the number of the real row that is nearest to each. In a turn the home
    whose row has the higher score comes first; of equal scores the earlier row.
    """
    left: dict[int, list[int]] = {}
    for place in sorted(range(len(scores)), key=lambda place: (-scores[place], place)):
        left.setdefault(homes[place], []).append(place)
    turns = ((turn, place) for rows in left.values() for turn, place in enumerate(rows))
    order = sorted(turns, key=lambda pair: (pair[0], -scores[pair[1]], pair[1]))
    return sorted(place for _, place in order[:count])


def find_homes(features: NDArray[np.float64], real: NDArray[np.float64]) -> list[int]:
    """Return the number of the real row [M,F] whose features have the highest cosine with each row's [N,F], [N]."""
    import numpy as np

    lengths = np.maximum(np.linalg.norm(real, axis=1), 1e-12)  # those of the rows do not change which is nearest
    found: list[int] = (features @ real.T / lengths).argmax(1).tolist()
    return found


def measure_posterior(logp: Sequence[float | None], own: int) -> float:
    """Return log p(y | text) in nats: the generator read as a Bayes classifier with a uniform prior over labels.

    log p(text | y) - log sum_l p(text | l), over the labels that the text was held against; logp as `measure_margin`
    takes it. NaN where the own one is unknown.
    """
    value, known = logp[own], [one for one in logp if one is not None]
    if value is None:
        return math.nan
    top = max(known)
    return value - top - math.log(sum(math.exp(one - top) for one in known))
