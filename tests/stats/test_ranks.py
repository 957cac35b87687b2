"""The signed-rank test against all sign flips."""

import itertools
import math

import pytest

from dawgen.stats import find_rank_p


def flip_signs(gaps: list[float]) -> float:
    """Return the share of sign flips whose rank sum is at least as far from its mean as the one seen."""
    ranks = [sorted(map(abs, gaps)).index(abs(gap)) + 1 for gap in gaps]
    middle = sum(ranks) / 2
    seen = abs(sum(rank for rank, gap in zip(ranks, gaps, strict=True) if gap > 0) - middle)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product([0, 1], repeat=len(gaps))]
    return sum(abs(found - middle) >= seen for found in sums) / len(sums)


@pytest.mark.parametrize("gaps", [[0.1, 0.2, 0.3], [0.1, -0.2, 0.3, 0.4, 0.05], [-0.3, 0.1, 0.2, -0.4, 0.5, 0.6, 0.7]])
def test_p_is_the_share_of_sign_flips(gaps: list[float]) -> None:
    assert find_rank_p(gaps) == pytest.approx(flip_signs(gaps))


def test_zeros_are_left_out_and_alone_have_no_p() -> None:
    assert find_rank_p([0.1, 0.0, 0.2, 0.3]) == find_rank_p([0.1, 0.2, 0.3])
    assert math.isnan(find_rank_p([0.0, 0.1 - 0.1]))
    assert math.isnan(find_rank_p([]))
