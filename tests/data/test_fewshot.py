"""Properties of the few-shot sample: stratified, seeded, free of overlap, independent of the order of the rows."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.data import find_leaks, place_rows, split_fewshot
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example

LABELS = ("a", "b", "c")


@st.composite
def samples(draw: st.DrawFn) -> tuple[list[Example], int, int]:
    """Rows of three labels, some repeated or turned around, in any order; shots that they allow; a seed."""
    shots = draw(st.integers(1, 4))
    counts = draw(st.tuples(*[st.integers(shots, 3 * shots + 1)] * 3))
    rows = [
        Example(f"{label}{n}", f"x{n}", label)
        for label, count in zip(LABELS, counts, strict=True)
        for n in range(count)
    ]
    extra = draw(st.lists(st.sampled_from(rows), max_size=6))
    turned = [
        Example(row.text2 or "", row.text1, row.label) for row in draw(st.lists(st.sampled_from(rows), max_size=4))
    ]
    return draw(st.permutations(rows + extra + turned)), shots, draw(st.integers(0, 99))


@given(samples())
def test_split_is_a_stratified_partition(sample: tuple[list[Example], int, int]) -> None:
    rows, shots, seed = sample
    split = split_fewshot(rows, LABELS, shots, seed)
    parts = split.train + (split.dev or []) + split.rest
    assert len(parts) == len(set(parts))
    assert set(parts) == set(rows)
    counts = Counter(row.label for row in set(rows))
    if split.dev is not None:
        assert Counter(row.label for row in split.train) == dict.fromkeys(LABELS, shots)
        (each,) = set(Counter(row.label for row in split.dev).values())
        assert shots / 2 <= each <= shots
        assert not find_leaks(place_rows(split.dev, "dev"), place_rows(split.train, "train"))
    else:
        (each,) = set(Counter(row.label for row in split.train).values())  # no label has more than another
        assert each == (min(counts.values()) if min(counts.values()) < 2 * shots else shots)


@given(samples(), st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(sample: tuple[list[Example], int, int], random: object) -> None:
    rows, shots, seed = sample
    shuffled = sorted(rows, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert split_fewshot(rows, LABELS, shots, seed) == split_fewshot(shuffled, LABELS, shots, seed)


@given(samples())
def test_given_dev_set_leaves_k_rows_per_label(sample: tuple[list[Example], int, int]) -> None:
    rows, shots, seed = sample
    split = split_fewshot(rows, LABELS, shots, seed, need_dev=False)
    assert split.dev is None
    assert Counter(row.label for row in split.train) == dict.fromkeys(LABELS, shots)


def make_rows(counts: dict[str, int]) -> list[Example]:
    return [Example(f"{label} {n}", None, label) for label, count in counts.items() for n in range(count)]


def test_more_shots_keep_the_rows_of_fewer() -> None:
    rows = make_rows({"a": 40, "b": 40})
    small, large = (split_fewshot(rows, ("a", "b"), shots, seed=13).train for shots in (4, 16))
    assert set(small) < set(large)


def test_seeds_differ() -> None:
    rows = make_rows({"a": 40, "b": 40})
    assert split_fewshot(rows, ("a", "b"), 16, 1).train != split_fewshot(rows, ("a", "b"), 16, 2).train


def test_a_whole_dev_set_needs_twice_the_shots_of_every_label() -> None:
    full = split_fewshot(make_rows({"a": 8, "b": 9}), ("a", "b"), 4, 13)
    assert full.dev is not None
    assert full.note == "4 rows per label train, another 4 are the dev set"
    short = split_fewshot(make_rows({"a": 5, "b": 900}), ("a", "b"), 4, 13)
    assert short.dev is None
    assert Counter(row.label for row in short.train) == {"a": 5, "b": 5}
    assert "too few rows of a label for a dev set (8 are wanted)" in short.note
    assert short.note.endswith("5 rows per label train and the last step is kept")


def test_a_label_with_fewer_rows_makes_the_dev_set_smaller_and_drowns_no_other() -> None:
    split = split_fewshot(make_rows({"a": 28, "b": 32}), ("a", "b"), 16, 13)
    assert Counter(row.label for row in split.train) == {"a": 16, "b": 16}
    assert split.dev is not None
    assert Counter(row.label for row in split.dev) == {"a": 12, "b": 12}
    assert split.note == "16 rows per label train, another 12 are the dev set (fewer than 32 rows of a label)"


def test_fewer_rows_than_shots() -> None:
    rows = make_rows({"a": 16, "b": 15})
    assert len(split_fewshot(rows, ("a", "b"), 15, 13).train) == 30
    with pytest.raises(DataError, match=r"expected 16 different examples or more of label 'b', found 15\."):
        split_fewshot(rows, ("a", "b"), 16, 13)
    with pytest.raises(DataError, match="of label 'b', found 15"):
        split_fewshot(rows + rows[-1:] * 5, ("a", "b"), 16, 13)


def test_missing_and_unknown_labels() -> None:
    with pytest.raises(DataError, match="of label 'c', found 0"):
        split_fewshot(make_rows({"a": 4, "b": 4}), LABELS, 2, 13)
    with pytest.raises(DataError, match="unknown label 'd'"):
        split_fewshot(make_rows({"a": 4, "b": 4, "c": 4, "d": 1}), LABELS, 2, 13)


def test_no_shots() -> None:
    with pytest.raises(ConfigError, match="expected one shot per label or more, found 0"):
        split_fewshot(make_rows({"a": 4, "b": 4}), ("a", "b"), 0, 13)


def test_keep_takes_what_a_label_has_and_says_the_weights() -> None:
    split = split_fewshot(make_rows({"a": 3, "b": 40, "c": 16}), LABELS, 8, 13, keep=True)
    assert Counter(row.label for row in split.train) == {"a": 3, "b": 16, "c": 16} and split.dev is None
    assert split.note.startswith(
        "a: 3, b: 16, c: 16 rows train, no dev set; the loss weighs a row 3.89 for a, 0.73 for b"
    )
    with pytest.raises(DataError, match="--imbalance keep"):
        split_fewshot(make_rows({"a": 3, "b": 40, "c": 16}), LABELS, 8, 13)
    with pytest.raises(DataError, match="expected 1 different examples or more of label 'c', found 0"):
        split_fewshot(make_rows({"a": 3, "b": 40}), LABELS, 8, 13, keep=True)


@given(samples())
def test_keep_changes_nothing_where_labels_have_enough_rows(sample: tuple[list[Example], int, int]) -> None:
    rows, shots, seed = sample
    even, kept = split_fewshot(rows, LABELS, shots, seed), split_fewshot(rows, LABELS, shots, seed, keep=True)
    if even.dev is not None:
        assert even == kept
        return
    counts = Counter(row.label for row in set(rows))
    assert set(even.train) <= set(kept.train) and kept.dev is None
    if min(counts.values()) < 2 * shots:
        assert Counter(row.label for row in kept.train) == {label: min(n, 2 * shots) for label, n in counts.items()}
