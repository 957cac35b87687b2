"""The estimate of right labels from a judge that errs, and what an audit says of them."""

from dataclasses import replace

import numpy as np
import pytest

from dawgen.evaluate.audit.correctness import (
    correct_shares,
    count_answers,
    describe_correctness,
    find_right,
    judge_labels,
    unmix,
)
from dawgen.records import Example
from dawgen.rng import numpy_rng, python_rng
from dawgen.scenes import draw_data
from dawgen.tasks import Task

LABELS = Task.load("scenes-paraphrase").labels


@pytest.fixture(scope="module")
def drawn() -> tuple[list[Example], list[Example], list[Example]]:
    """Real rows, test rows and a set whose labels are all right."""
    data = draw_data("scenes-paraphrase", 3, shots=200, test=200, gold_per_label=200, first_texts=1)
    return list(data.gold), list(data.test), list(data.train)


def flip(rows: list[Example], share: float) -> list[Example]:
    rng, other = python_rng(0, "flip"), dict(zip(LABELS, reversed(LABELS), strict=True))
    return [replace(row, label=other[str(row.label)]) if rng.random() < share else row for row in rows]


def test_shares_come_back_from_the_answers_that_they_give() -> None:
    rng = numpy_rng(0, "test")
    for labels in (2, 3, 5):
        for _ in range(20):
            confusion = 0.5 * np.eye(labels) + 0.5 * rng.dirichlet(np.ones(labels), size=labels)
            shares = rng.dirichlet(np.ones(labels))
            assert unmix(shares @ confusion, confusion) == pytest.approx(shares, abs=1e-6)


def test_two_labels_are_as_rogan_and_gladen_have_them() -> None:
    sensitivity, specificity, seen = 0.9, 0.8, 0.55
    confusion = np.array([[sensitivity, 1 - sensitivity], [1 - specificity, specificity]])
    wanted = (seen + specificity - 1) / (sensitivity + specificity - 1)
    assert unmix(np.array([seen, 1 - seen]), confusion)[0] == pytest.approx(wanted, abs=1e-6)
    assert unmix(np.array([0.99, 0.01]), confusion) == pytest.approx([1, 0], abs=1e-6)  # never above all


def test_the_interval_narrows_with_rows_and_holds_the_value() -> None:
    exact, said = np.array([[90, 10], [15, 85]]), np.array([[60, 40], [30, 70]])
    few, many = (correct_shares(exact * times, said * times, seed=1) for times in (1, 100))
    assert few and many
    for found in (few, many):
        assert found["corrected_low"] <= found["corrected"] <= found["corrected_high"]
    assert many["corrected"] == few["corrected"] == pytest.approx(np.mean(find_right(exact / 100, said / 100)))
    assert many["corrected_high"] - many["corrected_low"] < 0.2 * (few["corrected_high"] - few["corrected_low"])
    assert correct_shares(np.array([[90, 10], [0, 0]]), said, seed=1) is None


def test_the_interval_covers_the_truth_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dawgen.evaluate.audit.correctness.DRAWS", 100)
    rng, covered = numpy_rng(1, "test"), 0
    confusion = np.array([[0.8, 0.2], [0.3, 0.7]])
    truth = np.array([[0.75, 0.25], [0.4, 0.6]])  # by label of the set
    for _ in range(40):
        tested = np.array([rng.multinomial(100, row) for row in confusion])
        said = np.array([rng.multinomial(150, row @ confusion) for row in truth])
        found = correct_shares(tested, said, seed=1)
        assert found
        covered += found["corrected_low"] <= truth.trace() / 2 <= found["corrected_high"]
    assert covered >= 35  # 38 expected


def test_answers_that_no_mixture_gives_widen_the_interval() -> None:
    confusion = np.array([[800, 200], [300, 700]])
    found = correct_shares(
        confusion, np.array([[1000, 0], [300, 700]]), seed=1
    )  # the first label is surer than it can be
    assert found is not None
    assert found["by_label"] == [1.0, pytest.approx(1.0)]
    assert found["misfit"] == pytest.approx(0.1, abs=1e-6)  # 0.2 of half the rows
    assert found["corrected_low"] < 0.9
    fitting = correct_shares(confusion, np.array([[700, 300], [400, 600]]), seed=1)
    assert fitting is not None
    assert fitting["misfit"] == pytest.approx(0, abs=1e-6)


def test_a_label_that_the_set_lacks_has_no_share() -> None:
    found = correct_shares(np.array([[90, 10], [15, 85]]), np.array([[80, 20], [0, 0]]), seed=1)
    assert found is not None
    assert found["by_label"][1] is None
    assert found["corrected"] == found["by_label"][0]


@pytest.mark.parametrize("wrong", [0.0, 0.3, 0.5])
def test_planted_wrong_labels_are_found(
    wrong: float, drawn: tuple[list[Example], list[Example], list[Example]]
) -> None:
    real, test, rows = drawn
    found = judge_labels(flip(rows, wrong), real, LABELS, test=test, seed=13)
    assert found is not None
    assert found["tells"]
    assert found["corrected"] == pytest.approx(1 - wrong, abs=0.12)
    assert found["corrected_low"] <= 1 - wrong <= found["corrected_high"]
    assert found["n_test"] == len(test)
    assert found["low"] < found["accuracy"] < found["high"]
    assert found["chance"] == 0.5


def test_a_judge_without_a_test_set_is_measured_on_rows_that_it_has_not_seen(
    drawn: tuple[list[Example], list[Example], list[Example]],
) -> None:
    real, _, rows = drawn
    found = judge_labels(rows, real, LABELS, seed=13)
    assert found is not None
    assert (found["n_test"], found["trained_on"]) == (len(real), len(real))
    assert 0.6 < found["accuracy"] < 0.99


def test_rows_that_the_judge_has_learnt_from_do_not_measure_it(
    drawn: tuple[list[Example], list[Example], list[Example]],
) -> None:
    real, test, rows = drawn
    swapped = [replace(row, text1=str(row.text2), text2=row.text1) for row in real]  # the same pair all the same
    found = judge_labels(rows, real, LABELS, test=[*test, *swapped], seed=13)
    assert found is not None
    assert found["n_test"] == len(test)


def test_a_judge_that_has_learnt_noise_cannot_tell(
    drawn: tuple[list[Example], list[Example], list[Example]],
) -> None:
    real, test, rows = drawn
    found = judge_labels(rows, flip(real, 0.5), LABELS, test=test, seed=13)
    assert found is not None
    assert not found["tells"]
    said = describe_correctness({"label_fidelity": None, "ungrammatical": None}, {}, found, None)
    assert (said["value"], said["source"]) == (None, "judge")
    few = [row for label in LABELS for row in [one for one in real if one.label == label][:3]]
    assert judge_labels(rows, few, LABELS, seed=13) is None


def test_the_oracle_is_asked_first_then_the_judge_then_the_generator() -> None:
    oracle = {"label_fidelity": 0.5, "ungrammatical": 0.1}
    unknown = {"label_fidelity": None, "ungrammatical": None}
    judge = {"corrected": 0.7, "tells": True, "by_label": {"x": 0.7}}
    posterior = {"value": 0.9}
    by_label = {"x": {"label_fidelity": 0.5}}
    said = describe_correctness(oracle, by_label, judge, posterior)
    assert (said["value"], said["source"], said["by_label"], said["ungrammatical"]) == (0.5, "oracle", {"x": 0.5}, 0.1)
    assert said["judge"] is judge
    said = describe_correctness(unknown, {}, judge, posterior)
    assert (said["value"], said["source"], said["by_label"]) == (0.7, "judge", {"x": 0.7})
    assert describe_correctness(unknown, {}, None, posterior)["source"] == "posterior"
    said = describe_correctness(unknown, {}, None, None)
    assert (said["value"], said["source"], said["posterior"]) == (None, None, None)


def test_answers_are_counted_by_truth_and_answer() -> None:
    counts = count_answers(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), 2)
    assert counts.tolist() == [[1, 1], [1, 2]]
