"""The exact tests, against scipy's own and by hand."""

import pytest
from scipy.stats import binomtest, chi2_contingency, fisher_exact

from dawgen.evaluate.doctor.facts import Share
from dawgen.evaluate.doctor.luck import exceed, guess, reach_at_least, reach_at_most, vary
from dawgen.stats import find_mcnemar_p


@pytest.mark.parametrize(("count", "rows", "p"), [(0, 10, 0.3), (7, 10, 0.5), (10, 10, 0.9), (1200, 4000, 0.33)])
def test_binomial_tails(count: int, rows: int, p: float) -> None:
    share = Share(count, rows)
    assert reach_at_most(share, p) == pytest.approx(binomtest(count, rows, p, alternative="less").pvalue)
    assert reach_at_least(share, p) == pytest.approx(binomtest(count, rows, p, alternative="greater").pvalue)


def test_two_shares_as_fisher_has_it() -> None:
    table = [[46, 2], [320, 280]]
    p = fisher_exact(table, alternative="greater").pvalue
    assert exceed(Share(46, 48), Share(320, 600)) == pytest.approx(p)
    assert exceed(Share(24, 48), Share(300, 600)) > 0.5


def test_paired_rows_as_mcnemar_has_it() -> None:
    high, low = "1" * 12 + "0" * 3 + "1" * 85, "0" * 12 + "1" * 3 + "1" * 85
    assert find_mcnemar_p(high, low, "greater") == pytest.approx(binomtest(12, 15, 0.5, alternative="greater").pvalue)
    assert find_mcnemar_p(high, high, "greater") == 1.0


def test_several_shares_as_the_chi_square_test_has_it() -> None:
    shares = [Share(420, 600), Share(400, 600), Share(300, 600)]
    table = [[s.count for s in shares], [s.rows - s.count for s in shares]]
    assert vary(shares) == pytest.approx(chi2_contingency(table, correction=False).pvalue)
    assert vary([Share(5, 5), Share(7, 7)]) == 1.0


def test_guessing_with_the_same_answers() -> None:
    assert guess(((10, 30), (10, 50))) == pytest.approx(0.4 * 0.2 + 0.6 * 0.8)
    assert guess(()) == 0.0
