"""The classifier two-sample test: its area is scikit-learn's, its error DeLong's, and its p-value honest."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from dawgen.errors import DataError
from dawgen.evaluate.audit.c2st import measure_c2st
from dawgen.rng import numpy_rng, torch_rng
from dawgen.stats import find_auc_error, find_aucs


def draw(rows: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(rows, 6, generator=torch_rng(seed, "test")) + shift


def test_areas_are_those_of_scikit_learn_with_ties() -> None:
    rng = numpy_rng(0, "test")
    scores = rng.integers(0, 5, size=(40, 7)).astype(float)
    first = rng.permuted(np.repeat((np.arange(40) < 15)[:, None], 7, axis=1), axis=0)
    wanted = [roc_auc_score(first[:, column], scores[:, column]) for column in range(7)]
    assert find_aucs(scores, first) == pytest.approx(wanted)


def test_the_error_is_the_spread_over_draws() -> None:
    rng = numpy_rng(0, "test")
    areas, errors = [], []
    for _ in range(300):
        x, y = rng.normal(1.0, 1, 40), rng.normal(0, 1, 60)
        own = np.arange(100) < 40
        areas.append(find_aucs(np.concatenate([x, y])[:, None], own[:, None])[0])
        errors.append(find_auc_error(x, y))
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.15)


def test_alike_samples_are_told_apart_no_oftener_than_by_chance() -> None:
    found = [measure_c2st(draw(30, 2 * s), draw(24, 2 * s + 1), seed=s, permutations=99) for s in range(100)]
    assert sum(test.p <= 0.05 for test in found) <= 11  # 5 expected
    assert np.mean([test.auc for test in found]) == pytest.approx(0.5, abs=0.03)


def test_other_samples_are_told_apart_by_how_much_they_differ() -> None:
    near, far = (measure_c2st(draw(80, 0), draw(60, 1, shift), seed=1) for shift in (0.3, 2.0))
    assert far.p == 0.001
    assert far.auc > 0.97
    assert 0.5 < near.auc < far.auc
    assert far.auc > far.chance > 0.5
    assert measure_c2st(draw(80, 0), draw(60, 1, 0.3), seed=1) == near


def test_equal_rows_and_too_few() -> None:
    same = torch.ones(8, 3)
    test = measure_c2st(same, same, seed=0, permutations=19)
    assert (test.auc, test.p) == (0.5, 1.0)
    with pytest.raises(DataError, match="5 rows or more on either side, got 4 and 8"):
        measure_c2st(same[:4], same, seed=0)
