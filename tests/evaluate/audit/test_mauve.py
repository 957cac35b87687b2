"""MAUVE: the frontier and the whole measure beside what mauve-text 0.4.0 gives, by its authors."""

import numpy as np
import pytest
import torch

from dawgen.errors import DataError
from dawgen.evaluate.audit.mauve import find_area, measure_mauve


def draw(seed: int, rows: int, shift: float) -> torch.Tensor:
    vectors = np.random.default_rng(seed).standard_normal((rows, 16))
    return torch.tensor(vectors * np.linspace(2, 0.2, 16) + shift)


@pytest.mark.parametrize(
    ("p", "q", "area"),
    [
        ((0.9, 0.1), (0.1, 0.9), 0.08260150772177807),
        ((0.5, 0.5, 0.0), (0.0, 0.5, 0.5), 0.09257236294829274),
        ((0.2, 0.3, 0.5), (0.25, 0.25, 0.5), 0.9995801951428138),
        ((1.0, 0.0), (0.0, 1.0), 0.0040720962619612555),
    ],
)
def test_the_area_of_two_histograms_is_that_of_the_authors_code(
    p: tuple[float, ...], q: tuple[float, ...], area: float
) -> None:
    assert find_area(np.array(p), np.array(q)) == pytest.approx(area)
    assert find_area(np.array(q), np.array(p)) == pytest.approx(area)


def test_equal_histograms_are_1() -> None:
    assert find_area(np.array([0.3, 0.7]), np.array([0.3, 0.7])) == pytest.approx(1)


# Of mauve-text with faiss, seeds 0 to 4 of k-means: lowest and highest.
@pytest.mark.parametrize(
    ("shift", "low", "high"), [(0.0, 0.9417, 0.9825), (0.5, 0.5643, 0.6602), (1.0, 0.0497, 0.0665)]
)
def test_the_measure_is_as_far_from_the_authors_as_their_seeds_are(shift: float, low: float, high: float) -> None:
    found = measure_mauve(draw(0, 400, 0.0), draw(1, 400, shift), seed=0)
    spread = high - low
    assert low - spread < found["value"] < high + spread
    assert found["low"] < found["value"] < found["high"]
    assert (found["seeds"], found["rows"]) == (5, 400)
    if shift == 1.0:
        assert measure_mauve(draw(0, 400, 0.0), draw(1, 400, shift), seed=0) == found


def test_few_rows_are_refused_and_more_than_the_other_side_are_left_out() -> None:
    with pytest.raises(DataError, match="--mauve: expected 200 rows or more on either side, got 199 and 400"):
        measure_mauve(draw(0, 199, 0.0), draw(1, 400, 0.0), seed=0)
    found = measure_mauve(draw(0, 200, 0.0), draw(1, 260, 0.0), seed=0)
    assert found["rows"] == 200
