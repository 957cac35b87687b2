"""Statistics of several seeds."""

import math

import pytest

from dawgen.stats import compare, describe, show_way


def test_describe_gives_mean_and_sample_deviation_in_percent() -> None:
    assert describe([0.60, 0.65, 0.62]) == "62.3 ± 2.5"


def test_describe_of_one_value_has_no_spread_and_of_none_says_so() -> None:
    assert describe([0.5]) == "50.0"
    assert describe([]) == "-"


def test_compare_uses_common_keys_only() -> None:
    found = compare({1: 0.7, 2: 0.6, 3: 0.9}, {1: 0.5, 2: 0.7, 4: 0.1})
    assert (found.n, found.wins, found.ties) == (2, 1, 0)
    assert found.mean == pytest.approx(0.05)
    assert found.sd == pytest.approx(0.3 / math.sqrt(2))


def test_five_wins_of_five_have_the_smallest_p_that_five_pairs_can_have() -> None:
    found = compare({i: 0.6 + 0.01 * i for i in range(5)}, dict.fromkeys(range(5), 0.5))
    assert found.p == pytest.approx(2 / 2**5)
    assert found.text == "+12.0 ± 1.6 (5/5, p 0.062)"


def test_equal_differences_tie_although_their_binary_fractions_differ() -> None:
    assert (0.7 - 0.6) != (0.4 - 0.3)
    found = compare({1: 0.7, 2: 0.3}, {1: 0.6, 2: 0.4})
    assert found.p == 1.0


def test_p_is_the_normal_approximation_where_many_differences_tie() -> None:
    a = {i: 0.6 if i % 5 else 0.4 for i in range(40)}
    assert 0 < compare(a, dict.fromkeys(a, 0.5)).p < 0.001
    assert "p < 0.001" in compare(a, dict.fromkeys(a, 0.5)).text


def test_equal_arms_have_no_p() -> None:
    found = compare({1: 0.5, 2: 0.5}, {1: 0.5, 2: 0.5})
    assert math.isnan(found.p)
    assert found.text == "+0.0 ± 0.0 (0/2, 2 equal)"


def test_no_common_key_compares_nothing() -> None:
    found = compare({1: 0.5}, {2: 0.5})
    assert found.n == 0
    assert found.text == "-"


def test_the_way_to_a_ceiling_is_a_ratio_of_sums_over_common_keys() -> None:
    base, ceiling = {1: 0.5, 2: 0.6, 3: 0.1}, {1: 0.8, 2: 0.9}
    assert show_way({1: 0.65, 2: 0.85, 3: 0.9}, base, ceiling) == "67%"
    assert show_way({1: 0.6}, {1: 0.8}, {1: 0.5}) == "-"
    assert show_way({}, base, ceiling) == "-"
    assert show_way({1: 0.0, 2: 0.0, 3: 0.0}, base, ceiling) == "below"
