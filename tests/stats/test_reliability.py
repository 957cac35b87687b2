"""ECE against scikit-learn's calibration curve, its noise against simulation, and the Brier score."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from dawgen.stats import find_brier, find_ece, find_ece_noise, list_bins


def draw(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are right: each row is a hit with its own."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.3, 1, n)
    return sure, rng.random(n) < sure


def test_bins_are_those_of_scikit_learn() -> None:
    sure, right = draw(1, 500)
    shares, means = calibration_curve(right, sure, n_bins=15)
    found = list_bins(sure, right)
    assert [one.right for one in found] == pytest.approx(shares)
    assert [one.sure for one in found] == pytest.approx(means)
    assert sum(one.n for one in found) == 500


def test_a_known_error() -> None:
    sure, right = [0.95, 0.95, 0.55, 0.55], [True, False, True, False]
    assert find_ece(sure, right) == pytest.approx((2 * 0.45 + 2 * 0.05) / 4)


@pytest.mark.parametrize("sure", [0.0, 1.0, 1 / 15, 2 / 15])
def test_edges_have_one_bin(sure: float) -> None:
    assert [one.n for one in list_bins([sure], [True])] == [1]


@pytest.mark.parametrize("n", [60, 300, 3000])
def test_the_noise_is_the_mean_error_of_right_probabilities(n: int) -> None:
    sure, _ = draw(2, n)
    rng = np.random.default_rng(3)
    simulated = np.mean([find_ece(sure, rng.random(n) < sure) for _ in range(300)])
    assert find_ece_noise(sure) == pytest.approx(simulated, rel=0.12)


def test_brier_is_the_sum_over_labels() -> None:
    chances = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    assert find_brier(chances, [0, 1]) == pytest.approx(((0.09 + 0.04 + 0.01) + (0.01 + 0.81 + 0.64)) / 2)
    assert find_brier(np.eye(3), [0, 1, 2]) == 0 and find_brier(np.eye(2), [1, 0]) == 2


def test_two_labels_have_twice_the_number_of_scikit_learn() -> None:
    sure, right = draw(4, 100)
    chances = np.stack([1 - sure, sure], 1)
    assert find_brier(chances, right.astype(int).tolist()) == pytest.approx(2 * brier_score_loss(right, sure))
