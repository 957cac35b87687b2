"""Curation: every reason on a row made for it, and the properties that hold for any rows."""

import math
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.config import CurateConfig
from dawgen.curation import REASONS, Curator, copy_stats, curate
from dawgen.curation.dedupe import find_shingles, measure_jaccard
from dawgen.curation.filters import find_overlap_limits, is_copy, measure_overlap
from dawgen.curation.posterior import measure_margin
from dawgen.errors import DataError
from dawgen.records import Candidate, Example
from dawgen.report.templates import REASONS as IN_WORDS

REAL = [
    Example("The man plays a guitar.", "Somebody makes music.", "yes"),
    Example("Two dogs run in a field.", "Animals are moving outside.", "yes"),
    Example("A woman cooks rice.", "Nobody is in the kitchen.", "no"),
    Example("The train is late again today.", "It arrived early.", "no"),
]
TEST = [Example("A boy reads.", "A child looks at a book.", "yes")]
LABELS = ("yes", "no")
LONG = " ".join(f"word{i}" for i in range(60))

words = st.lists(st.sampled_from(["a", "b", "c", "d", "man", "runs"]), max_size=6).map(" ".join)
examples = st.builds(Example, words, words, st.sampled_from(LABELS))
logps = st.none() | st.tuples(st.floats(-50, 0), st.floats(-50, 0))
candidates = st.builds(Candidate, examples, st.booleans(), st.just(1), logps)


def judge_one(example, *, finished=True, logp=None, before=(), **config):
    curator = Curator(REAL, LABELS, CurateConfig(**config), test=TEST)
    return curator.judge([*map(Candidate, before), Candidate(example, finished, 5, logp)])[-1]


def test_a_sound_row_is_kept():
    verdict = judge_one(Example("A cat sleeps.", "An animal rests.", "yes"), logp=(-3.0, -7.5))
    assert (verdict.kept, verdict.reason, verdict.score, verdict.twin) == (True, None, 4.5, None)


@pytest.mark.parametrize(
    "example", [Example("A cat.", " ", "yes"), Example("...", "x", "yes"), Example("?!", None, "no")]
)
def test_a_text_without_words_is_empty(example):
    assert judge_one(example).reason == "empty"


def test_an_unfinished_text_is_truncated():
    assert judge_one(Example("A cat sleeps.", "An animal", "yes"), finished=False).reason == "truncated"


def test_a_copy_is_recognised_across_case_and_punctuation():
    assert judge_one(Example("A cat sleeps.", "a cat  sleeps", "yes")).reason == "copy"


def test_a_single_text_is_never_a_copy_or_near_copy():
    assert judge_one(Example("A cat sleeps.", None, "yes")).kept


@pytest.mark.parametrize(
    "texts", [("a boy reads", "A child looks at a book!"), ("A child looks at a book.", "A boy reads.")]
)
def test_a_test_pair_is_a_leak_in_either_order(texts):
    verdict = judge_one(Example(*texts, "no"))
    assert verdict.reason == "leak"
    assert verdict.twin == "test (yes): A boy reads. | A child looks at a book."


def test_a_dev_pair_is_a_leak_and_its_sentence_alone_is_not():
    curator = Curator(REAL, LABELS, dev=TEST)
    rows = [TEST[0], Example("A boy reads.", "He is busy now.", "yes")]
    assert [verdict.reason for verdict in curator.judge(map(Candidate, rows))] == ["leak", None]


def test_the_generated_text_of_a_shot_is_an_echo_but_its_first_text_is_not():
    assert judge_one(Example("A cat sleeps.", "Somebody makes music", "no")).reason == "echo"
    assert judge_one(Example(REAL[0].text1, "The room is loud now.", "yes")).kept


def test_a_real_pair_in_reverse_is_an_echo():
    verdict = judge_one(Example(REAL[2].text2, REAL[2].text1, "no"))
    assert (verdict.reason, verdict.score) == ("echo", 1.0)
    assert verdict.twin.startswith("real (no): A woman cooks rice.")


def test_a_nearly_equal_shot_is_an_echo_at_its_threshold():
    row = Example("A cat sleeps.", "Somebody makes loud music.", "yes")
    assert judge_one(row).kept
    assert judge_one(row, echo=0.3).reason == "echo"


def test_the_same_pair_under_another_label_is_a_duplicate_of_the_first():
    first = Example("A cat sleeps.", "An animal rests.", "yes")
    verdict = judge_one(Example("a cat sleeps", "An animal rests", "no"), before=[first])
    assert (verdict.reason, verdict.twin) == ("duplicate", "synthetic (yes): A cat sleeps. | An animal rests.")


def test_of_one_pair_under_two_labels_the_posterior_keeps_the_one_the_generator_prefers():
    rows = [Candidate(Example("A cat sleeps.", "Nobody rests.", label), logp=(-9.0, -4.0)) for label in LABELS]
    assert [verdict.reason for verdict in Curator(REAL, LABELS).judge(rows)] == ["posterior", None]


def test_a_near_duplicate_needs_both_texts_and_the_same_label():
    first = Example("A cat sleeps.", LONG, "yes")
    changed = LONG.replace("word59", "other")
    assert judge_one(Example("A cat sleeps.", changed, "yes"), before=[first]).reason == "near_duplicate"
    assert judge_one(Example("A cat sleeps.", changed, "no"), before=[first]).kept
    assert judge_one(Example("A dog barks at me.", changed, "yes"), before=[first]).kept


def test_a_near_copy_overlaps_more_than_real_rows_of_its_label():
    row = Example("The old man slowly walks home through rain", "The old man walks home through rain", "yes")
    assert judge_one(row).reason == "near_copy"
    assert judge_one(row, near_copy=False).kept


@pytest.mark.parametrize(("logp", "kept"), [((-4.0, -6.0), True), ((-5.0, -5.0), False), ((-1.0, float("nan")), False)])
def test_the_posterior_must_exceed_the_rival(logp, kept):
    verdict = judge_one(Example("A cat sleeps.", "An animal rests.", "yes"), logp=logp)
    assert verdict.kept == kept
    assert kept or verdict.reason == "posterior"


def test_the_posterior_margin_counts_and_the_filter_can_be_switched_off():
    row = Example("A cat sleeps.", "An animal rests.", "yes")
    assert judge_one(row, logp=(-4.0, -6.0), posterior_margin=3.0).reason == "posterior"
    assert judge_one(row, logp=(-6.0, -4.0), posterior=False).kept


def test_copies_stay_up_to_the_share_of_real_ones():
    real = [Example(f"real text {i}", f"real text {i}" if i < 5 else f"something else {i}", "yes") for i in range(10)]
    rows = [Example(f"first {i} apple", f"first {i} apple", "yes") for i in range(50)]
    rows += [Example(f"text {i} of rows", f"other words {i} here", "yes") for i in range(50)]
    random.Random(0).shuffle(rows)
    kept, dropped = curate(rows, real=real)
    assert {row.reason for row in dropped} == {"copy"}
    assert 0.4 <= copy_stats(kept)["yes"] <= 0.5


def test_wrong_candidates_are_refused():
    curator = Curator(REAL, LABELS)
    with pytest.raises(DataError, match="among yes, no, got 'maybe'"):
        curator.judge([Candidate(Example("a", "b", "maybe"))])
    with pytest.raises(DataError, match="expected 2 log-likelihoods"):
        curator.judge([Candidate(Example("a", "b", "yes"), logp=(-1.0,))])
    with pytest.raises(DataError, match="labels="):
        curate([Candidate(Example("a", "b", "yes"), logp=(-1.0, -2.0))], real=REAL)


@given(st.lists(candidates, max_size=25), st.lists(st.integers(0, 25), max_size=3))
def test_shards_give_the_same_verdicts_as_one_call(rows, cuts):
    whole = Curator(REAL, LABELS).judge(rows)
    curator, bounds = Curator(REAL, LABELS), [0, *sorted(cuts), 25]
    parts = [curator.judge(rows[a:b]) for a, b in pairwise(bounds)]
    assert [verdict for part in parts for verdict in part] == whole


@given(st.lists(examples, max_size=25))
def test_every_row_is_either_kept_or_dropped_with_a_reason(rows):
    kept, dropped = curate(rows, real=REAL, labels=LABELS)
    assert Counter(kept) + Counter(row.example for row in dropped) == Counter(rows)
    assert {row.reason for row in dropped} <= set(REASONS)


@given(st.lists(examples, max_size=25))
def test_curating_what_was_kept_drops_nothing(rows):
    kept, _ = curate(rows, real=REAL, labels=LABELS)
    assert curate(kept, real=REAL, labels=LABELS) == (kept, [])


@given(st.lists(examples, min_size=1, max_size=12), st.lists(examples, max_size=12))
def test_overlap_that_real_rows_show_is_never_dropped(real, rows):
    shown = {row.label: max(measure_overlap(r) or 0 for r in real if r.label == row.label) for row in real}
    _, dropped = curate(rows, real=real, labels=LABELS)
    for row in dropped:
        if row.reason == "near_copy":
            assert row.score == measure_overlap(row.example)
            assert row.score > shown.get(row.example.label, 0)


def test_a_label_that_overlaps_by_nature_loses_nothing():
    real = [Example("a man is playing a guitar", "a man is playing", "yes")]
    assert find_overlap_limits(real)["yes"] >= 1


@given(words, words)
def test_jaccard_is_symmetric_and_one_exactly_for_equal_sets(a, b):
    left, right = find_shingles(a), find_shingles(b)
    assert measure_jaccard(left, right) == measure_jaccard(right, left)
    assert (measure_jaccard(left, right) == 1) == (left == right != frozenset())


@given(examples)
def test_a_verbatim_copy_overlaps_completely(example):
    if is_copy(example) and example.text2:
        assert measure_overlap(example) == 1


@given(st.lists(st.floats(-100, 0), min_size=2, max_size=5), st.floats(-10, 10))
def test_the_margin_is_positive_only_for_the_best_label_and_ignores_a_shift(logp, shift):
    margins = [measure_margin(logp, label) for label in range(len(logp))]
    assert sum(margin > 0 for margin in margins) <= 1
    assert measure_margin([value + shift for value in logp], 0) == pytest.approx(margins[0], abs=1e-9)


def test_every_reason_has_words_for_reports() -> None:
    assert list(IN_WORDS) == list(REASONS)


@given(st.lists(candidates, max_size=20), st.integers(0, 20))
def test_what_sifting_gives_up_is_never_kept_whatever_comes_before_it(rows, start):
    real = [*REAL, Example("a b", "a b", "yes")]  # some copies may stay
    curator = Curator(real, LABELS)
    curator.judge(rows[:start])
    sifted = curator.sift(rows[start:])
    assert all(may or not verdict.kept for may, verdict in zip(sifted, curator.judge(rows[start:]), strict=True))


def test_a_margin_is_taken_over_the_labels_that_a_text_was_held_against():
    assert measure_margin((None, -3.0, -5.5, None, -4.0), 1) == 1.0
    assert math.isnan(measure_margin((None, -3.0, None), 1))
    assert math.isnan(measure_margin((None, -3.0), 0))


@pytest.mark.parametrize("wrong", ["a text", None, 1, ["a"], [None]])
@pytest.mark.parametrize("where", ["synthetic", "real", "dev", "test"])
def test_what_is_no_list_of_examples_is_refused(where: str, wrong: Any) -> None:
    rows: dict[str, Any] = {"synthetic": [Example("a", label="x")], "real": [Example("b", label="x")], where: wrong}
    with pytest.raises(DataError, match=r"expected (a list of )?Examples"):
        curate(rows.pop("synthetic"), **rows)
