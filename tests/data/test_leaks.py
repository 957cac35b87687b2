"""Leaks are found in either order and whatever the spelling; conflicts keep the order; nothing else is dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.data import (
    Row,
    find_conflicts,
    find_leaks,
    place_rows,
    resolve_conflicts,
    resolve_leaks,
    share_sentences,
)
from dawgen.errors import DataError
from dawgen.records import Example

texts = st.sampled_from(["A man sleeps.", "a man  sleeps", "A dog runs.", "Nobody runs!", "NOBODY RUNS"])
examples = st.builds(Example, texts, texts, st.sampled_from(["yes", "no"]))


def place(*rows: Example, name: str = "train.csv") -> list[Row]:
    return place_rows(rows, name)


@pytest.mark.parametrize(
    "twin",
    [
        Example("A man sleeps.", "Nobody is awake.", "yes"),
        Example("a man sleeps", "Nobody   is awake!", "no"),
        Example("Nobody is awake.", "A man sleeps.", "yes"),
    ],
    ids=["same", "spelling and label", "turned around"],
)
def test_leaks_in_either_order_and_any_spelling(twin: Example) -> None:
    train = place(Example("A dog runs.", "It moves.", "yes"), twin)
    test = place(Example("A man sleeps.", "Nobody is awake.", "yes"), name="test.csv")
    kept, leaks = resolve_leaks(train, test, "drop")
    assert [row.where for row in kept] == ["train.csv row 1"]
    assert [(leak.row.where, leak.twin.where) for leak in leaks] == [("train.csv row 2", "test.csv row 1")]
    with pytest.raises(DataError, match=r"train.csv row 2: expected rows .* found 1 that they do,") as caught:
        resolve_leaks(train, test, "refuse")
    assert "test.csv row 1" in str(caught.value)
    assert "--leaks drop" in str(caught.value)


def test_one_shared_sentence_is_no_leak_but_has_a_share() -> None:
    train = place(Example("A man sleeps.", "Nobody is awake.", "yes"))
    test = place(
        Example("A man sleeps.", "He dreams.", "no"), Example("A dog runs.", "It moves.", "yes"), name="test.csv"
    )
    assert resolve_leaks(train, test, "refuse") == (train, [])
    assert share_sentences(train, test) == 0.5
    assert share_sentences(train, []) == 0.0


@given(st.lists(examples, max_size=8), st.lists(examples, max_size=8))
def test_dropping_leaves_no_leak_and_loses_nothing_else(left: list[Example], right: list[Example]) -> None:
    rows, held_out = place(*left), place(*right, name="test.csv")
    kept, leaks = resolve_leaks(rows, held_out, "drop")
    assert not find_leaks(kept, held_out)
    assert sorted(row.where for row in kept + [leak.row for leak in leaks]) == sorted(row.where for row in rows)
    assert find_leaks(rows, rows) == find_leaks(rows, [*rows, *held_out])


def test_conflicts_name_both_places() -> None:
    rows = place(Example("A", "B", "yes"), Example("C", "D", "no"), Example("a.", "b.", "no"), Example("A", "B", "yes"))
    kept, clashes = resolve_conflicts(rows, "drop")
    assert [row.where for row in kept] == ["train.csv row 2"]
    assert [(clash.row.where[-1], clash.twin.where[-1]) for clash in clashes] == [("1", "3"), ("3", "1"), ("4", "3")]
    with pytest.raises(
        DataError, match=r"train.csv row 3: expected one label .* as 'no' and in train.csv row 1 as 'yes' \(3"
    ):
        resolve_conflicts(rows, "refuse")


def test_a_pair_turned_around_is_no_conflict() -> None:
    rows = place(
        Example("A dog runs.", "An animal runs.", "entailment"), Example("An animal runs.", "A dog runs.", "neutral")
    )
    assert resolve_conflicts(rows, "refuse") == (rows, [])


@given(st.lists(examples, max_size=8))
def test_dropping_leaves_no_conflict(left: list[Example]) -> None:
    kept, clashes = resolve_conflicts(place(*left), "drop")
    assert not find_conflicts(kept)
    assert len(kept) + len(clashes) == len(left)
