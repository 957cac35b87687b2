"""McNemar's exact test of two models on the same test rows; rows that both get right or both wrong do not count."""

from typing import Literal

from scipy.stats import binomtest


def find_mcnemar_p(first: str, second: str, alternative: Literal["two-sided", "greater"] = "two-sided") -> float:
    """Return the exact p: the chance that tosses of a coin split the rows that only one gets right as unevenly or more.

    first, second: "1" for right and "0" for wrong, a character per row. greater: only `first` being better counts. 1
    where no row differs.
    """
    won = sum(a > b for a, b in zip(first, second, strict=True))
    lost = sum(a < b for a, b in zip(first, second, strict=True))
    return float(binomtest(won, won + lost, alternative=alternative).pvalue) if won + lost else 1.0
