"""Temperature scaling: the minimum, what it keeps, and when it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from dawgen.stats.temperature import BOUND, LEAST, apply_temperature, find_nll, fit_temperature


def draw(seed: int, n: int, k: int, true: float) -> tuple[np.ndarray, list[int]]:
    """Rows whose labels are drawn from softmax(z / true)."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, (n, k))
    return scores, [int(rng.choice(k, p=row)) for row in softmax(scores / true, axis=1)]


@given(st.integers(0, 10**6), st.integers(2, 77), st.floats(0.05, 20))
def test_no_temperature_changes_which_label_is_the_likeliest(seed: int, k: int, temperature: float) -> None:
    scores = np.random.default_rng(seed).normal(0, 5, (20, k)).astype(np.float32)
    assert (apply_temperature(scores, temperature).argmax(1) == scores.argmax(1)).all()


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_it_finds_the_temperature_that_the_labels_were_drawn_with(true: float) -> None:
    scores, labels = draw(1, 4000, 4, true)
    assert fit_temperature(scores, labels).value == pytest.approx(true, rel=0.1)


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_no_other_temperature_has_a_lower_nll_on_the_rows(seed: int, k: int) -> None:
    scores, labels = draw(seed, 40, k, 2.0)
    found = fit_temperature(scores, labels)
    if found.refused is None:
        least = find_nll(scores / found.value, labels)
        others = np.exp(np.linspace(-np.log(BOUND), np.log(BOUND), 200))
        assert least <= min(find_nll(scores / other, labels) for other in others) + 1e-6


@given(st.integers(0, 10**6), st.floats(0.1, 2), st.sampled_from([0.2, 1.0, 15.0]))
def test_with_a_spread_nll_and_distance_from_one_are_least_together(seed: int, spread: float, true: float) -> None:
    scores, labels = draw(seed, 30, 3, true)

    def cost(value: float) -> float:
        return 30 * find_nll(scores / value, labels) + (np.log(value) / spread) ** 2 / 2

    found = fit_temperature(scores, labels, spread)
    if found.refused is None:
        others = np.exp(np.linspace(-np.log(BOUND), np.log(BOUND), 200))
        assert cost(found.value) <= min(map(cost, others)) + 1e-5


def test_a_spread_draws_few_rows_towards_one_and_hardly_moves_many() -> None:
    for n, low, high in ((32, 1.2, 3.5), (4000, 3.6, 4.4)):
        scores, labels = draw(6, n, 3, 4.0)
        assert 1 < fit_temperature(scores, labels, 0.5).value < fit_temperature(scores, labels).value
        assert low < fit_temperature(scores, labels, 0.5).value < high


def test_the_nll_is_convex_in_the_inverse_temperature() -> None:
    scores, labels = draw(3, 100, 5, 2.0)
    values = [find_nll(scores * inverse, labels) for inverse in np.linspace(0.05, 10, 100)]
    assert (np.diff(values, 2) >= -1e-9).all()


def test_log_probabilities_and_logits_of_the_same_rows_give_the_same_temperature() -> None:
    scores, labels = draw(4, 100, 3, 2.0)
    one = fit_temperature(scores, labels).value
    assert fit_temperature(log_softmax(scores, axis=1), labels).value == pytest.approx(one, rel=1e-4)


def test_scores_that_say_nothing_end_at_the_bound() -> None:
    rng = np.random.default_rng(5)
    scores, labels = -10 * np.eye(3)[rng.integers(3, size=60)], []
    labels = scores.argmin(1).tolist()  # always the label that is held for impossible
    assert fit_temperature(scores, labels).value == pytest.approx(BOUND, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 1] * 7, f"it takes {LEAST}"),
        ([0] * 20, "one label"),
        ([0, 1] * 10, "are right"),
    ],
    ids=["few", "one", "all right"],
)
def test_rows_that_cannot_tell_give_one_and_a_reason(labels: list[int], said: str) -> None:
    found = fit_temperature(5 * np.eye(2)[labels], labels)
    assert found.value == 1 and found.refused is not None and said in found.refused


@pytest.mark.parametrize("scores", [np.zeros((3, 2)), np.full((20, 2), np.nan), np.zeros(20), np.zeros((20, 1))])
def test_what_are_no_scores_is_refused(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected finite scores"):
        fit_temperature(scores, [0, 1] * 10)
