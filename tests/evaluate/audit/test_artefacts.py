"""Artefacts: a planted shortcut is found and named, and what real rows have too is none."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from dawgen.evaluate.audit import artefacts
from dawgen.evaluate.audit.artefact_rules import LENGTHS, OVERLAP, ThresholdRule, WordRule, fit_classifier
from dawgen.evaluate.audit.artefact_words import list_label_words, measure_pmi, weigh_share
from dawgen.evaluate.audit.artefacts import (
    balance_labels,
    describe_artefacts,
    find_group_error,
    is_artefact,
    split_folds,
    weigh_accuracy,
)
from dawgen.records import Example
from support.synthetic_sets import LABELS, make_set, plant


def write_words(count: int, label: str) -> Example:
    return Example("one two three", " ".join(["word"] * count), label)


def test_nothing_gives_the_label_of_random_words_away() -> None:
    found = describe_artefacts(make_set(200), make_set(100, seed=1), LABELS, seed=0)
    assert found["rule"] is None
    assert found["sample"] == 200
    for name in ("hypothesis_only", "first_text_only", "length", "overlap", "word"):
        assert abs(found[name]["accuracy"] - 0.5) < 4 * max(0.03, found[name]["error"])
        assert found[name]["majority"] == 0.5
        assert not is_artefact(found[name])


def test_a_planted_word_is_the_rule_and_tops_the_words() -> None:
    rows = plant(make_set(200), "no", lambda row: f"{row.text2} never")
    found = describe_artefacts(rows, make_set(100, seed=1), LABELS, seed=0)
    assert found["word"]["rule"] == "'never' in the last text: no, else: yes"
    assert found["word"]["accuracy"] == 1.0
    assert found["rule"]["text"] in (found["word"]["rule"], found["length"]["rule"])
    assert found["hypothesis_only"]["accuracy"] > 0.9
    assert is_artefact(found["hypothesis_only"])
    assert not is_artefact(found["first_text_only"])
    top = next(word for word in found["words"] if word["label"] == "no")
    assert top == {"word": "never", "label": "no", "pmi": 1.0, "rows": 100, "share": 1.0, "real_share": None, "p": None}
    same = plant(make_set(100, seed=1), "no", lambda row: f"{row.text2} never")
    assert describe_artefacts(rows, same, LABELS, seed=0)["rule"] is None  # real rows are as easy


def test_planted_lengths_and_overlaps_are_the_rule() -> None:
    real = make_set(100, seed=1)
    longer = describe_artefacts(plant(make_set(200), "yes", lambda row: f"{row.text2} ba de fi"), real, LABELS, seed=0)
    assert longer["length"]["rule"] == "words of the last text <= 7: no, else: yes"
    assert longer["rule"]["text"] == longer["length"]["rule"]
    assert longer["rule"]["majority"] == 0.5
    copies = plant(make_set(200), "yes", lambda row: " ".join(row.text1.split()[:6]))
    copied = describe_artefacts(copies, real, LABELS, seed=0)
    assert copied["overlap"]["accuracy"] > 0.95
    assert copied["rule"]["text"].startswith("share of text2's words that stand in text1 <= ")
    assert copied["rule"]["text"].endswith(" %: no, else: yes")
    assert copied["rule"]["transfer"] < 0.6


def test_three_labels_take_two_thresholds_and_alike_stretches_are_one() -> None:
    rows = [write_words(count, label) for count, label in ((2, "a"), (5, "b"), (9, "c")) for _ in range(20)]
    rule = ThresholdRule.fit(rows, LENGTHS[0])
    assert rule.describe() == "words of the last text <= 3: a, <= 7: b, else: c"
    assert rule.predict([write_words(count, "?") for count in (1, 3, 4, 7, 8, 99)]) == ["a", "a", "b", "b", "c", "c"]
    alike = [write_words(count, "a" if count < 9 else "b") for count in range(1, 17) for _ in range(5)]
    assert len(ThresholdRule.fit([*alike, write_words(1, "c")], LENGTHS[0]).cuts) == 1
    assert ThresholdRule.fit([write_words(3, label) for label in "aab"], LENGTHS[1]).describe() == "always a"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("ab")), min_size=12, max_size=60))
def test_a_threshold_is_never_worse_than_the_most_frequent_label(pairs: list[tuple[int, str]]) -> None:
    rows = [write_words(count, label) for count, label in pairs]
    answers = ThresholdRule.fit(rows, LENGTHS[0]).predict(rows)
    right = sum(answer == row.label for answer, row in zip(answers, rows, strict=True))
    assert right >= max(Counter(row.label for row in rows).values())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from("pqrs"), min_size=1), st.sampled_from("abc")), min_size=4))
def test_the_word_is_the_one_by_which_most_rows_are_right(pairs: list[tuple[set[str], str]]) -> None:
    rows = [Example(" ".join(sorted(words)), label=label) for words, label in pairs]

    def count_right(rule: WordRule) -> int:
        return sum(answer == row.label for answer, row in zip(rule.predict(rows), rows, strict=True))

    labels = sorted({label for _, label in pairs})
    present = {word for words, _ in pairs for word in words if 0 < sum(word in w for w, _ in pairs) < len(pairs)}
    rivals = [WordRule(word, inside, outside) for word in present for inside in labels for outside in labels]
    found = WordRule.fit(rows)
    assert found.word in present or not present
    assert count_right(found) == max(map(count_right, [*rivals, found]))


def test_rules_are_not_measured_on_what_they_were_fitted_on() -> None:
    labels: Sequence[str] = LABELS
    rows = [Example(f"t{row}", f"only{row} here", labels[row * 7 % 13 % 2]) for row in range(60)]
    found = describe_artefacts(rows, make_set(40), labels, seed=0)
    assert found["hypothesis_only"]["accuracy"] < found["hypothesis_only"]["majority"] + 0.1
    classifier = fit_classifier(rows, second=True)
    assert classifier.predict(rows) == [row.label for row in rows]  # by heart


def test_folds_keep_rows_of_a_text1_together() -> None:
    rows = [Example(f"Text {row // 4}", f"b{row}", LABELS[row % 2]) for row in range(80)]
    folded = split_folds(rows, 0)
    assert folded is not None
    assert {len(set(folded.folds[start : start + 4].tolist())) for start in range(0, 80, 4)} == {1}
    assert set(folded.folds.tolist()) == {0, 1, 2, 3, 4}
    assert split_folds(rows[:8], 0) is None
    assert split_folds([row for row in rows if row.label == "yes"], 0) is None


def test_few_rows_and_single_texts_leave_out_what_cannot_be_said() -> None:
    few = describe_artefacts(make_set(6), make_set(6, seed=1), LABELS, seed=0)
    assert few["word"] is None and few["rule"] is None
    single = [Example(str(row.text2), label=row.label) for row in make_set(120)]
    found = describe_artefacts(single, single[:60], LABELS, seed=0)
    assert found["hypothesis_only"] is None and found["overlap"] is None
    assert found["length"]["real_rows"] == 60


def test_a_large_set_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "MOST", 80)
    found = describe_artefacts(make_set(200), make_set(90, seed=1), LABELS, seed=0)
    assert found["sample"] == 80


def test_the_group_error_is_the_usual_one_for_rows_alone_and_larger_for_groups() -> None:
    right = np.array([1.0, 0, 1, 1, 0, 1, 1, 1])
    alone = find_group_error(right, [str(row) for row in range(8)])
    assert alone == pytest.approx(right.std(ddof=1) / math.sqrt(8))
    doubled = find_group_error(right.repeat(2), [str(row) for row in range(8) for _ in range(2)])
    assert doubled == pytest.approx(alone)  # the same row twice says nothing more


def test_real_rows_weigh_as_the_labels_of_the_set() -> None:
    real = [Example("x", label="yes")] * 8 + [Example("x", label="no")] * 2
    accuracy, error = weigh_accuracy(real, ["yes"] * 10, Counter(yes=50, no=50))
    assert accuracy == 0.5
    yes, no = 9 / 10, 1 / 4
    assert error == pytest.approx(math.sqrt(0.25 * yes * (1 - yes) / 8 + 0.25 * no * (1 - no) / 2))
    assert weigh_accuracy(real, ["yes"] * 10, Counter(maybe=1)) == (None, None)
    kept = Counter(row.label for row in balance_labels(real, Counter(yes=50, no=50), 0))
    assert kept == {"yes": 2, "no": 2}
    assert balance_labels(real, Counter(yes=1, maybe=1), 0) == []


def test_an_artefact_is_well_above_the_majority_and_above_the_real_rows() -> None:
    numbers = {"accuracy": 0.8, "error": 0.02, "majority": 0.5, "transfer": 0.5, "transfer_error": 0.05}
    numbers |= {"real_accuracy": 0.55, "real_error": 0.05, "real_rows": 100}
    assert is_artefact(numbers)
    assert not is_artefact(numbers | {"accuracy": 0.58})
    assert not is_artefact(numbers | {"transfer": 0.75})
    assert not is_artefact(numbers | {"real_accuracy": 0.75})
    assert not is_artefact(numbers | {"transfer_error": 0.2})  # too few real rows to tell
    assert is_artefact(numbers | {"transfer": 0.75, "real_rows": 8})  # so few that nobody asks
    assert is_artefact(numbers | {"transfer": None, "real_accuracy": None})


def test_pmi_and_shares_of_real_rows() -> None:
    assert measure_pmi(both=25, word=25, label=50, rows=100) == 1.0
    assert measure_pmi(both=10, word=20, label=50, rows=100) == 0.0
    counts, ours, theirs = Counter(yes=8, no=2), Counter(yes=10, no=10), Counter(yes=80, no=20)
    assert weigh_share(counts, "yes", ours, theirs) == 0.5  # 1 in 10 of either
    assert weigh_share(Counter(yes=4), "yes", ours, theirs) is None
    rows = [Example("x", "often never", "yes")] * 5 + [Example("x", "often", "no")] * 15
    words = list_label_words(rows, rows, LABELS)
    assert [(word["word"], word["label"], word["rows"]) for word in words] == [("never", "yes", 5)]
    assert words[0]["pmi"] == 2.0
    assert words[0]["p"] == 1.0  # as in the real rows, which are the same
    fresh = [Example("x", "often never", label) for label in LABELS for _ in range(10)]
    always = [Example("x", "often never", "yes")] * 40 + [Example("x", "often", "no")] * 40
    p = next(word["p"] for word in list_label_words(always, fresh, LABELS) if word["word"] == "never")
    assert p == pytest.approx(4 * fisher_exact([[40, 0], [10, 10]], alternative="greater").pvalue)  # 2 words, 2 labels


def test_the_overlap_is_that_of_curation() -> None:
    assert OVERLAP.value(Example("a b c", "a b x y")) == 0.5
    assert OVERLAP.value(Example("a", None)) == 0.0
    assert LENGTHS[1].value(Example("a b c", "n't")) == -1.0  # n and t are words
