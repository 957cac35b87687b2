"""Warnings about prompts that did not learn what they should, and silence about sound ones."""

import math

import pytest

from dawgen.classifier.diagnose import (
    FAR,
    find_collapse,
    find_dead_rows,
    find_far_rows,
    find_flip,
    find_slow_start,
    watch_third,
)
from dawgen.config import TargetConfig


def test_collapse_is_one_class_where_the_truth_is_not() -> None:
    truth = ["a"] * 10 + ["b"] * 10
    [warning] = find_collapse(truth, ["a"] * 20, "dev set")
    assert warning.startswith("collapsed: 20 of 20 predictions on the dev set are 'a'") and "50%" in warning
    assert find_collapse(truth, ["a"] * 15 + ["b"] * 5, "dev set") == []
    assert find_collapse(["a"] * 20, ["a"] * 20, "dev set") == []
    assert find_collapse([], [], "dev set") == []


def test_flipped_label_words_are_below_chance_and_not_by_luck() -> None:
    truth = ["a", "b"] * 16
    flipped = ["b", "a"] * 16
    [warning] = find_flip(truth, flipped, "dev set")
    assert warning.startswith("below chance: accuracy on the dev set is 0.0% of 32 rows, guessing gives 50.0%")
    assert find_flip(truth, truth, "dev set") == []
    assert find_flip(truth, ["a"] * 32, "dev set") == []  # collapsed, not flipped
    assert find_flip(truth, flipped[:17] + truth[17:], "dev set") == []  # 47 %: luck
    assert find_flip(["a", "b"], ["b", "a"], "dev set") == []  # too few rows to tell
    assert find_flip(truth * 100, flipped * 100, "dev set") != []  # thousands of rows: no overflow
    assert find_flip([], [], "dev set") == []


def test_chance_knows_about_uneven_labels() -> None:
    truth = ["a"] * 90 + ["b"] * 10
    predicted = ["b"] * 10 + ["a"] * 90  # 80 % right where guessing gives 82 %
    assert find_flip(truth, predicted, "dev set") == []
    assert find_flip(truth, ["b"] * 60 + ["a"] * 40, "dev set") != []


def test_rows_far_from_the_embeddings_are_named_with_the_rate() -> None:
    assert find_far_rows(FAR, TargetConfig()) == []
    [warning] = find_far_rows(33.4, TargetConfig())
    assert (
        warning.startswith("far from the embeddings: a prompt row is 33 times") and "target.rate (now 0.2)" in warning
    )
    [warning] = find_far_rows(33.4, TargetConfig(lr=0.3, rate=0.1))
    assert "lower target.lr (now 0.3), or use target.rate" in warning


@pytest.mark.parametrize("labels", [2, 3, 77])
def test_a_loss_that_is_still_that_of_guessing_is_named_with_the_rate(labels: int) -> None:
    chance = math.log(labels)
    assert find_slow_start(0.9 * chance, labels, TargetConfig()) == find_slow_start(None, labels, TargetConfig()) == []
    for loss in (0.97 * chance, chance, 5 * chance):
        [warning] = find_slow_start(loss, labels, TargetConfig(rate=0.05))
        assert warning.startswith("slow start:") and "target.rate (now 0.05)" in warning
    assert "target.lr (now 3)" in find_slow_start(chance, labels, TargetConfig(lr=3))[0]
    assert find_slow_start(0.0, 1, TargetConfig()) == []  # one label: there is nothing to guess


@pytest.mark.parametrize(("steps", "seen"), [(29, []), (30, [7, 8, 9]), (60, list(range(14, 20)))])
def test_the_end_of_the_first_third_is_watched_where_there_are_steps_enough(steps: int, seen: list[int]) -> None:
    assert list(watch_third(steps)) == seen
    assert watch_third(steps).stop == (steps // 3 if seen else 0)


def test_rows_without_gradient_are_named() -> None:
    assert find_dead_rows([0.1, 1e-30]) == []
    [warning] = find_dead_rows([0.1, 0.0, 0.3, float("nan")])
    assert "2 of 4" in warning and "1, 3" in warning
