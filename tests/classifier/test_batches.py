"""Batches hold every row once, within their budget, and cost as little as can be."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.classifier.batches import bucket, split


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_buckets_hold_each_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = bucket(lengths, budget)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200), st.integers(0, 100))
def test_split_rows_come_once_within_the_budget_and_in_order(lengths: list[int], budget: int, overhead: int) -> None:
    groups = split(lengths, budget, overhead)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert group == sorted(group)
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 60), st.integers(0, 30))
def test_split_is_the_cheapest_of_all_ways(lengths: list[int], budget: int, overhead: int) -> None:
    def weigh(assignment: tuple[int, ...]) -> float:
        total = 0.0
        for group in set(assignment):
            own = [length for length, place in zip(lengths, assignment, strict=True) if place == group]
            total += len(own) * max(own) + overhead if len(own) == 1 or len(own) * max(own) <= budget else float("inf")
        return total

    groups = split(lengths, budget, overhead)
    found = tuple(next(place for place, group in enumerate(groups) if row in group) for row in range(len(lengths)))
    assert weigh(found) == min(map(weigh, itertools.product(range(len(lengths)), repeat=len(lengths))))
