"""The sample: same seed, same sample; sources and labels evenly; controls wrong in one way; nothing given away."""

from collections import Counter
from dataclasses import replace

import pytest

from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.controls import spoil
from dawgen.evaluate.annotate.sample import Item, draw_sample, order_items
from dawgen.records import Example, pair_key
from dawgen.rng import python_rng
from support.sessions import LABELS, make_rows, make_task

REAL, SET = make_rows(60), make_rows(40, who="robot", seed=5)


def draw(
    real: list[Example] = REAL, rows: int = 10, controls: int = 8, seed: int = 1, **sets: list[Example]
) -> list[Item]:
    return draw_sample(sets or {"ours": SET}, real, make_task(), rows=rows, controls=controls, seed=seed)


def test_same_seed_same_sample_whatever_the_order_of_the_files() -> None:
    def strip(items: list[Item]) -> list[Item]:
        return [replace(item, row=0) for item in items]

    assert draw() == draw()
    assert strip(draw(REAL[::-1], ours=SET[::-1])) == strip(draw(ours=SET))
    assert {item.text1 for item in draw()} != {item.text1 for item in draw(seed=2)}


def test_every_source_gives_its_rows_evenly_over_the_labels() -> None:
    items = draw(ours=SET, theirs=make_rows(7, who="parrot"))
    counts = Counter((item.source, item.label) for item in items if item.fault is None)
    assert counts == {
        ("real", LABELS[0]): 5,
        ("real", LABELS[1]): 5,
        ("ours", LABELS[0]): 5,
        ("ours", LABELS[1]): 5,
        ("theirs", LABELS[0]): 4,
        ("theirs", LABELS[1]): 3,
    }


def test_rows_are_those_of_their_source() -> None:
    for item in draw():
        if item.fault is None:
            source = REAL if item.source == "real" else SET
            assert source[item.row - 1] == Example(item.text1, item.text2, item.label)


def test_controls_are_wrong_in_their_one_way() -> None:
    controls = [item for item in draw() if item.source == "control"]
    assert Counter(item.fault for item in controls) == dict.fromkeys(("wrong_label", "shuffled", "copy", "mismatch"), 2)
    for item in controls:
        row = REAL[item.row - 1]
        words = [sorted(text.split()) for text in (row.text1, row.text2 or "")]
        if item.fault == "wrong_label":
            assert (item.text1, item.text2) == (row.text1, row.text2) and item.label != row.label
        elif item.fault == "copy":
            assert (item.text1, item.text2, item.label) == (row.text1, row.text2, row.label)
        elif item.fault == "shuffled":
            assert [sorted(item.text1.split()), sorted((item.text2 or "").split())] == words
            assert item.text1 != row.text1 and item.text2 != row.text2 and item.label == row.label
        else:
            assert item.text1 == row.text1 and item.text2 != row.text2
            assert item.text2 in {other.text2 for other in REAL}


def test_controls_are_made_of_rows_outside_the_sample_while_there_are_any() -> None:
    items = draw(controls=40)
    rated = [item.row for item in items if item.source == "real"]
    used = [item.row for item in items if item.source == "control"]
    assert len(set(used)) == 40 and not set(used) & set(rated)
    few = draw(REAL[:12], rows=10, controls=30)
    assert Counter(item.source for item in few)["control"] == 30


def test_only_a_copy_stands_beside_itself() -> None:
    for item in draw(controls=20):
        assert item.nearest is not None and item.nearest.label is None
        same = pair_key(item.nearest) == pair_key(Example(item.text1, item.text2))
        assert same == (item.fault == "copy")
        if item.fault in ("shuffled", "mismatch", "wrong_label"):
            assert item.nearest.text1 != REAL[item.row - 1].text1
        if item.fault == "mismatch":
            assert item.nearest.text2 != item.text2  # the row that its second text is from


def test_a_synthetic_row_that_copies_stands_beside_what_it_copies() -> None:
    items = draw(ours=[REAL[4]] * 4, rows=4)
    assert [item.nearest for item in items if item.source == "ours"] == [replace(REAL[4], label=None)] * 4


def test_what_is_shown_says_nothing_of_the_source() -> None:
    shown = [item.show() for item in draw()]
    assert {frozenset(fields) for fields in shown} == {frozenset(("id", "text1", "text2", "label", "nearest"))}
    assert len({fields["id"] for fields in shown}) == len(shown)
    assert {len(fields["id"]) for fields in shown} == {12}


def test_single_texts_have_no_second_one_and_no_mismatch() -> None:
    rows = make_rows(40, pair=False)
    task = make_task(pair=False)
    items = draw_sample({"ours": rows[:20]}, rows[20:], task, rows=5, controls=9, seed=1)
    assert all(item.text2 is None and item.nearest and item.nearest.text2 is None for item in items)
    faults = Counter(item.fault for item in items if item.fault)
    assert faults == {"wrong_label": 3, "shuffled": 3, "copy": 3}


def test_texts_too_short_to_shuffle_are_left_as_they_are() -> None:
    rows = [Example(f"yes! yes {n}", f"no no, {n}", LABELS[n % 2]) for n in range(20)]
    faults = {item.fault for item in draw(rows, controls=6, ours=rows)}
    assert faults == {None, "wrong_label", "copy", "mismatch"}
    assert spoil("shuffled", Example("a! a? a. a, a;", None, LABELS[0]), [], LABELS, python_rng(1, "test")) is None


def test_a_task_with_one_real_row_still_has_controls() -> None:
    faults = Counter(item.fault for item in draw(REAL[:1], controls=6))
    assert faults["wrong_label"] == faults["shuffled"] == faults["copy"] == 2
    assert all(item.nearest is None for item in draw(REAL[:1], controls=0) if item.source == "real")


def test_annotators_have_orders_of_their_own() -> None:
    items = draw()
    ann, bob = order_items(items, "ann", 1), order_items(items, "bob", 1)
    assert ann != bob and sorted(ann, key=lambda i: i.id) == sorted(bob, key=lambda i: i.id)
    assert ann == order_items(items, "ann", 1)


def test_wrong_numbers_names_and_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="found 0 rows and 8 controls"):
        draw(rows=0)
    with pytest.raises(ConfigError, match="cannot be called 'control'"):
        draw(control=SET)
    with pytest.raises(ConfigError, match="found none. Name a file"):
        draw_sample({}, REAL, make_task(), rows=1, controls=1, seed=1)
    with pytest.raises(
        DataError, match="ours row 2: expected a pair labelled entailment or not_entailment, found .*maybe"
    ):
        draw(ours=[SET[0], Example("a", "b", "maybe")])
    with pytest.raises(DataError, match="real row 1: .* found one text labelled entailment"):
        draw([Example("a", None, "entailment")])
    with pytest.raises(DataError, match="ours: expected rows, found none"):
        draw(ours=[])
