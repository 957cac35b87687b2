"""Holm's correction: p_(i) of m sorted becomes max over j <= i of min(1, (m - j + 1) * p_(j)).

It holds the chance of any false rejection among the m tests at the level, however they depend on each other.
"""

import math
from collections.abc import Sequence


def adjust_holm(values: Sequence[float]) -> list[float]:
    """Return the adjusted p values in the same order; nan (nothing to test) stays nan and does not count."""
    order = sorted((place for place, p in enumerate(values) if not math.isnan(p)), key=values.__getitem__)
    adjusted = list(values)
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[place]))
        adjusted[place] = largest
    return adjusted
