"""Which rows are asked for: the least sure ones, spread, and the same for the same seed."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.errors import ConfigError
from dawgen.evaluate.annotate.choose import WIDTH, choose_rows, measure_margins, rank_rows
from dawgen.rng import numpy_rng
from support.fuzz import draw

sizes = st.integers(0, 60)


def make_rows(count: int, seed: int, kinds: int) -> tuple[Any, Any]:
    """Return margins [N] with equal ones among them, and vectors [N,4] of so many well separated kinds."""
    rng = numpy_rng(seed, "test/choose")
    margins = rng.integers(0, 8, count) / 8
    return margins, np.eye(4, dtype=np.float32)[rng.integers(0, kinds, count)] * 10 + rng.normal(0, 0.01, (count, 4))


def take(vectors: Any) -> Any:
    return lambda places: np.asarray([vectors[place] for place in places], dtype=np.float32)


@draw(20)
@given(sizes, st.integers(1, 12), st.integers(0, 99), st.integers(1, 4))
def test_as_many_rows_as_there_are_are_chosen_none_twice_and_the_same_again(
    count: int, rows: int, seed: int, kinds: int
) -> None:
    margins, vectors = make_rows(count, seed, kinds)
    chosen = choose_rows(margins, take(vectors), rows, seed)
    assert len(chosen) == len(set(chosen)) == min(rows, count)
    assert set(chosen) <= set(rank_rows(margins, seed)[: rows * WIDTH])
    assert chosen == choose_rows(margins, take(vectors), rows, seed)


@draw(20)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_no_kind_gives_more_than_its_share_while_others_have_rows(rows: int, kinds: int, seed: int) -> None:
    count = rows * WIDTH
    vectors = np.eye(4, dtype=np.float32)[np.arange(count) % kinds] * 10
    chosen = choose_rows(np.linspace(0, 1, count), take(vectors), rows, seed, clusters=kinds)
    given = Counter(place % kinds for place in chosen)
    assert max(given.values()) <= math.ceil(rows / kinds)


def test_each_kind_gives_the_rows_that_the_prompt_is_least_sure_of() -> None:
    vectors = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)
    margins = np.array([0.5, 0.1, 0.9, 0.3, 0.7, 0.6, 0.2, 0.8, 0.4, 1.0])
    assert choose_rows(margins, take(vectors), 4, 13, clusters=2) == [1, 6, 3, 8]


def test_rows_that_are_all_equal_are_drawn_by_the_seed_and_not_by_their_order() -> None:
    vectors = np.ones((40, 3))
    drawn = [choose_rows(np.zeros(40), take(vectors), 4, seed) for seed in (1, 2, 3)]
    assert len({tuple(places) for places in drawn}) == 3 and all(len(set(places)) == 4 for places in drawn)


def test_vectors_are_asked_for_of_candidates_only_and_not_at_all_where_all_rows_are_wanted() -> None:
    asked: list[int] = []

    def embed(places: Sequence[int]) -> Any:
        asked.extend(places)
        return np.random.default_rng(0).normal(size=(len(places), 3)).astype(np.float32)

    choose_rows(np.linspace(0, 1, 500), embed, 3, 13)
    assert sorted(asked) == list(range(3 * WIDTH))
    asked.clear()
    assert sorted(choose_rows(np.zeros(3), embed, 5, 13)) == [0, 1, 2] and not asked
    with pytest.raises(ConfigError, match="one row"):
        choose_rows(np.zeros(3), embed, 0, 13)


def test_a_margin_is_the_distance_of_the_two_likeliest_labels() -> None:
    scores = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]], dtype=np.float32))
    assert measure_margins(scores) == pytest.approx([0.2, 0.7, 0.0], abs=1e-6)
