"""Alpha against the worked examples of Krippendorff (2011) and Wikipedia, kappa against Cohen (1960)."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.stats import bootstrap_alpha, measure_alpha, measure_kappa

BINARY = ("0100000010", "1110010000")
NAMES = ("aabbdcccedda", "babbbccceddd")
FOUR = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")  # a dot: not rated
THREE = (".....34121133.3", "1.213343.......", "..21344.21133.4")


def count_values(raters: tuple[str, ...], values: str) -> np.ndarray:
    columns = list(zip(*raters, strict=True))
    return np.array([[column.count(value) for value in values] for column in columns])


@pytest.mark.parametrize(
    ("raters", "values", "level", "published"),
    [
        (BINARY, "01", "nominal", 0.095),
        (NAMES, "abcde", "nominal", 0.692),
        (FOUR, "12345", "nominal", 0.743),
        (FOUR, "12345", "ordinal", 0.815),
        (FOUR, "12345", "interval", 0.849),
        (THREE, "1234", "nominal", 0.691),
        (THREE, "1234", "interval", 0.811),
    ],
)
def test_alpha_is_that_of_published_tables(raters: tuple[str, ...], values: str, level: str, published: float) -> None:
    assert measure_alpha(count_values(raters, values), level) == pytest.approx(published, abs=0.0005)


def define_alpha(units: list[list[int]], size: int, level: str) -> float | None:
    """Return alpha by its definition, pair by pair of ratings."""
    units = [unit for unit in units if len(unit) > 1]
    totals = Counter(value for unit in units for value in unit)
    n = totals.total()

    def differ(a: int, b: int) -> float:
        low, high = sorted((a, b))
        if level == "ordinal":
            return (sum(totals[g] for g in range(low, high + 1)) - (totals[a] + totals[b]) / 2) ** 2
        return float(a != b) if level == "nominal" else float((a - b) ** 2)

    seen = sum(differ(a, b) / (len(unit) - 1) for unit in units for a in unit for b in unit) / n if n else 0
    chance = sum(totals[a] * totals[b] * differ(a, b) for a in range(size) for b in range(size))
    return 1 - seen * n * (n - 1) / chance if chance else None


@settings(deadline=None)
@given(
    units=st.lists(st.lists(st.integers(0, 3), max_size=5), min_size=1, max_size=12),
    level=st.sampled_from(["nominal", "ordinal", "interval"]),
)
def test_alpha_from_counts_is_alpha_from_pairs(units: list[list[int]], level: str) -> None:
    counts = np.array([[unit.count(value) for value in range(4)] for unit in units])
    expected = define_alpha(units, 4, level)
    found = measure_alpha(counts, level)
    assert found is None if expected is None else found == pytest.approx(expected, abs=1e-9)


def test_alpha_knows_full_agreement_chance_and_nothing() -> None:
    rng = np.random.default_rng(1)
    same = np.eye(5, dtype=int)[rng.integers(5, size=100)] * 3
    chance = rng.multinomial(3, [0.2] * 5, size=2000)
    assert measure_alpha(same, "ordinal") == 1
    assert abs(measure_alpha(chance, "ordinal") or 1) < 0.05
    assert measure_alpha(np.array([[3, 0], [2, 0]]), "nominal") is None  # one value only
    assert measure_alpha(np.array([[1, 0], [0, 1]]), "nominal") is None  # nobody rated the same unit
    assert measure_alpha(np.zeros((0, 3), int), "nominal") is None


def test_interval_of_alpha_holds_it_and_narrows_with_units() -> None:
    counts = count_values(FOUR, "12345")
    alpha = measure_alpha(counts, "ordinal")
    few = bootstrap_alpha(counts, "ordinal", np.random.default_rng(0))
    many = bootstrap_alpha(np.tile(counts, (20, 1)), "ordinal", np.random.default_rng(0))
    assert alpha and few and many
    assert few[0] < alpha < few[1] and many[0] < alpha < many[1]
    assert few[1] - few[0] > 3 * (many[1] - many[0])
    assert bootstrap_alpha(counts[:1], "ordinal", np.random.default_rng(0)) is None
    assert bootstrap_alpha(np.array([[2, 0], [2, 0]]), "nominal", np.random.default_rng(0)) is None


def test_interval_of_alpha_covers_what_more_units_would_say() -> None:
    """Two raters who are right in 8 of 10 and else guess: alpha over many units is 0.64."""
    rng = np.random.default_rng(5)

    def draw(units: int) -> np.ndarray:
        truth = rng.integers(4, size=units)
        raters = [np.where(rng.random(units) < 0.8, truth, rng.integers(4, size=units)) for _ in range(2)]
        return sum(np.eye(4, dtype=int)[rater] for rater in raters)

    large = measure_alpha(draw(100_000), "nominal")
    assert large == pytest.approx(0.64, abs=0.01)
    intervals = [bootstrap_alpha(draw(60), "nominal", rng, draws=300) for _ in range(150)]
    assert sum(low <= large <= high for low, high in filter(None, intervals)) >= 133  # 89 %; 95 % is aimed at


def spread(table: list[list[int]]) -> tuple[list[int], list[int]]:
    pairs = [(a, b) for a, row in enumerate(table) for b, count in enumerate(row) for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_kappa_is_that_of_published_tables() -> None:
    cohen = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]  # Cohen (1960), table 1, of 200
    assert measure_kappa(*spread(cohen), 3) == pytest.approx(0.492, abs=0.0005)
    grants = [[20, 5], [10, 15]]
    assert measure_kappa(*spread(grants), 2) == pytest.approx(0.4)


def test_weighted_kappa_forgives_what_is_near() -> None:
    near, far = ([0, 1, 2, 3], [1, 0, 3, 2]), ([0, 1, 2, 3], [3, 2, 1, 0])
    assert (measure_kappa(*near, 4, weights="quadratic") or 0) > 0.5
    assert measure_kappa(*far, 4, weights="quadratic") == pytest.approx(-1)
    assert measure_kappa(*near, 4) == measure_kappa(*far, 4)


def test_kappa_of_nothing_to_agree_on_is_none() -> None:
    assert measure_kappa([], [], 5) is None
    assert measure_kappa([2, 2], [2, 2], 5) is None
    assert measure_kappa([2, 2], [3, 3], 5) == 0
    assert measure_kappa([2, 2, 2], [2, 3, 2], 5) == 0
