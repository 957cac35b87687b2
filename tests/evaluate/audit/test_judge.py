"""The judge: what it looks at, and that it learns what real rows show and nothing of the rows that it answers for."""

from dataclasses import replace

import numpy as np
import pytest

from dawgen.classifier.overlap import mark_words, measure_rows
from dawgen.errors import DataError
from dawgen.evaluate.audit.judge import TREES_FROM, Judge, answer_held_out, number_rows
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.scenes import draw_data
from dawgen.tasks import Task

LABELS = Task.load("scenes-paraphrase").labels


def draw(per_label: int, task: str = "scenes-paraphrase") -> tuple[list[Example], list[Example]]:
    data = draw_data(task, 5, shots=1, test=200, gold_per_label=per_label, first_texts=1)
    return list(data.gold), list(data.test)


def test_words_are_marked_by_where_they_stand() -> None:
    assert mark_words(Example("A cat sat.", "a dog sat, a dog")) == ["1:cat", "2:dog", "12:a", "12:sat"]
    assert mark_words(Example("A cat, a cat")) == ["1:a", "1:cat"]


def test_overlap_features_of_a_pair_counted_by_hand() -> None:
    idf = {"a": 1.0, "cat": 2.0, "sat": 3.0}  # "not" is unknown and hence as rare as "sat"
    values = measure_rows([Example("a cat sat", "a cat not sat 7")], idf)[0]
    assert values[:6].tolist() == pytest.approx([3 / 3, 3 / 5, 3 / 5, 6 / 6, 6 / 12, 6 / 12])
    assert values[6:8].tolist() == pytest.approx([1 / 4, 1 / 5])  # "a cat" of the word pairs
    assert values[8:].tolist() == [0, 6, 0, 3, 3, 5, -2, 0, 1, -1, 0, 1]
    assert measure_rows([Example("a cat sat")], idf).tolist() == [[3.0]]
    assert not measure_rows([Example("!", "?")], idf).any()  # no words, no division by their number


def test_swapping_the_texts_swaps_what_is_said_of_each() -> None:
    rows = draw(5)[0]
    idf = {"a": 1.0, "is": 0.5, "the": 0.7}
    forth = measure_rows(rows, idf)
    back = measure_rows([replace(row, text1=str(row.text2), text2=row.text1) for row in rows], idf)
    for here, there in ((0, 1), (3, 4), (8, 9), (10, 11), (12, 13), (15, 16), (18, 19)):
        assert forth[:, here] == pytest.approx(back[:, there])
    for symmetric in (2, 5, 7):
        assert forth[:, symmetric] == pytest.approx(back[:, symmetric])
    assert forth[:, 14] == pytest.approx(-back[:, 14])


@pytest.mark.parametrize(("per_label", "least"), [(60, 0.65), (600, 0.85)])
def test_it_learns_a_task_with_few_rows_and_with_many(per_label: int, least: float) -> None:
    real, test = draw(per_label)
    judge, own = Judge(real, LABELS, seed=13), number_rows(test, LABELS)
    answers = judge.predict(test)
    assert (answers == own).mean() > least
    assert np.array_equal(answers, Judge(real, LABELS, seed=13).predict(test))
    kind = "boosted trees" if 2 * per_label >= TREES_FROM else "logistic regression"
    assert judge.name == f"{kind} on word overlap and words, fitted on {2 * per_label:,} real rows"
    hidden = [replace(row, label=LABELS[0]) for row in test]  # a row's own label is not looked at
    assert np.array_equal(answers, judge.predict(hidden))
    assert len(judge.predict([])) == 0


def test_single_texts_are_judged_by_their_words() -> None:
    task = Task.load("scenes-topic")
    real, test = draw(40, "scenes-topic")
    answers = Judge(real, task.labels, seed=13).predict(test)
    assert (answers == number_rows(test, task.labels)).mean() > 0.9


def test_held_out_answers_know_nothing_of_the_rows_own_labels() -> None:
    rows, _ = draw(100)
    rng = python_rng(0, "labels")
    noise = [replace(row, label=rng.choice(LABELS)) for row in rows]
    right = answer_held_out(noise, LABELS, seed=13) == number_rows(noise, LABELS)
    assert 0.4 < right.mean() < 0.6
    real = answer_held_out(rows, LABELS, seed=13) == number_rows(rows, LABELS)
    assert real.mean() > 0.65


def test_too_few_rows_and_strange_labels_are_refused() -> None:
    rows, _ = draw(4)
    first = [row for row in rows if row.label == LABELS[0]]
    others = [row for row in rows if row.label != LABELS[0]]
    with pytest.raises(DataError, match="2 real rows or more of each label for a judge, found one with 1"):
        Judge([*first[:1], *others], LABELS, seed=1)
    with pytest.raises(DataError, match="4 real rows or more .* found one with 3"):
        answer_held_out([*first[:3], *others], LABELS, seed=1)
    with pytest.raises(DataError, match="expected labels among .*found 'maybe'"):
        number_rows([Example("a", "b", "maybe")], LABELS)
