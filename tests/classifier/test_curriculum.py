"""Schedules: equal work in every arm, even labels, whole epochs, and a plan that depends on (seed, step) alone."""

import itertools
from array import array
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.classifier.curriculum import Curriculum, order_pass, split_epochs
from dawgen.rng import python_rng

REAL, SYNTHETIC = (0, 1, 2) * 16, (0, 1, 2) * 100
ALL = ["real", "synthetic", "pooled", "real_then_synthetic", "synthetic_then_real", "paired"]


def plan(schedule: str, *, steps: int = 60, seed: int = 1) -> Curriculum:
    return Curriculum(schedule, REAL, SYNTHETIC, steps, 8, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", ALL)
def test_every_schedule_does_the_same_work(schedule: str) -> None:
    for step in range(60):
        batch = plan(schedule).rows(step)
        assert len(batch.real) + len(batch.synthetic) == 16
        assert len(set(batch.real)) == len(batch.real) and len(set(batch.synthetic)) == len(batch.synthetic)


@pytest.mark.parametrize("schedule", ALL)
def test_the_plan_is_a_function_of_seed_and_step(schedule: str) -> None:
    one = plan(schedule)
    forward = [one.rows(step) for step in range(60)]
    assert [one.rows(step) for step in reversed(range(60))] == forward[::-1]
    assert [plan(schedule).rows(step) for step in range(60)] == forward
    assert [plan(schedule, seed=2).rows(step) for step in range(60)] != forward


def test_paired_takes_half_of_each_source_with_even_labels() -> None:
    for step in range(60):
        batch = plan("paired").rows(step)
        assert len(batch.real) == len(batch.synthetic) == 8
        for rows, labels in ((batch.real, REAL), (batch.synthetic, SYNTHETIC)):
            counts = Counter(labels[row] for row in rows)
            assert max(counts.values()) - min(counts.values()) <= 2 and len(counts) == 3


def test_pooled_draws_from_both_by_their_size() -> None:
    used = [plan("pooled").rows(step) for step in range(60)]
    share = sum(len(batch.real) for batch in used) / (60 * 16)
    assert share == pytest.approx(48 / 348, abs=0.03)


@pytest.mark.parametrize(("schedule", "last"), [("real_then_synthetic", "synthetic"), ("synthetic_then_real", "real")])
def test_ordered_schedules_finish_one_source_before_the_other_in_every_epoch(schedule: str, last: str) -> None:
    batches = [plan(schedule).rows(step) for step in range(60)]
    sources = ["real" if batch.real else "synthetic" for batch in batches]
    assert not any(batch.real and batch.synthetic for batch in batches)
    assert sources[-1] == last
    turns = sum(a != b for a, b in itertools.pairwise(sources))
    assert turns == 2 * 3 - 1  # three epochs of 3 real and 19 synthetic steps are nearest to 60
    assert Counter(sources)["real"] == pytest.approx(60 * 3 / 22, abs=1.5)
    real = [row for batch in batches for row in batch.real]
    assert max(Counter(real).values()) - min(Counter(real).values()) <= 1  # continues where the last epoch stopped


@settings(deadline=None)
@given(st.integers(2, 400), st.integers(1, 50), st.integers(1, 50))
def test_split_epochs_fills_all_steps_with_both_sources(steps: int, first: int, second: int) -> None:
    epochs = split_epochs(steps, first, second)
    assert epochs[0][0] == 0 and epochs[-1][2] == steps
    assert all(start < turn < end for start, turn, end in epochs)
    assert all(a[2] == b[0] for a, b in itertools.pairwise(epochs))
    nearest = max(1, min(round(steps / (first + second)), steps // 2))
    assert len(epochs) == nearest


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 99))
def test_a_pass_uses_no_row_twice(labels: list[int], size: int, seed: int) -> None:
    rows = len(labels)
    one = Curriculum("paired", labels, (), 9, size, seed)
    batches = [one.rows(step).real for step in range(max(1, rows // size))]
    used = [row for batch in batches for row in batch]
    assert len(set(used)) == len(used)
    assert all(len(batch) == min(size, rows) for batch in batches)


def test_a_source_smaller_than_its_share_gives_all_its_rows() -> None:
    small = Curriculum("paired", (0, 1), SYNTHETIC, 10, 8, 0)
    assert [small.rows(step).real for step in range(10)] == [(0, 1)] * 10


def test_a_step_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError, match="below 60"):
        plan("real_then_synthetic").rows(60)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(0, 99), st.integers(0, 3))
def test_a_pass_is_what_sorting_pairs_of_place_and_row_gives(labels: list[int], seed: int, number: int) -> None:
    rng = python_rng(seed, "pass over x rows", number)
    places = []
    for label in sorted(set(labels)):
        rows = [row for row, own in enumerate(labels) if own == label]
        rng.shuffle(rows)
        places += [((place + rng.random()) / len(rows), row) for place, row in enumerate(rows)]
    assert list(order_pass(array("i", labels), seed, "x", number)) == [row for _, row in sorted(places)]


@pytest.mark.parametrize("schedule", ALL)
def test_labels_may_be_tuples_or_arrays(schedule: str) -> None:
    compact = Curriculum(schedule, array("i", REAL), array("i", SYNTHETIC), 60, 8, 1)  # type: ignore[arg-type]
    assert [compact.rows(step) for step in range(60)] == [plan(schedule).rows(step) for step in range(60)]
