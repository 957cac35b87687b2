"""Means, intervals and AUCs of planted numbers; the sentences that they lead to."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from dawgen.evaluate.gradients.accuracy import Answers, compare_accuracy, describe_change
from dawgen.evaluate.gradients.detectors import judge_detectors, measure_auc, measure_auc_within
from dawgen.evaluate.gradients.examples import Drawn, list_worst
from dawgen.evaluate.gradients.numbers import count_cosines, estimate, list_values, split_phases, summarise
from dawgen.evaluate.gradients.sentences import describe_mislabelled, show_auc, show_share
from dawgen.evaluate.gradients.watch import RowsView, StepView
from dawgen.records import Example
from dawgen.rng import numpy_rng
from dawgen.stats import find_mcnemar_p

LABELS = ("yes", "no")
quick = settings(deadline=None, max_examples=60)


def view(cos: list[float], *, labels: list[int] | None = None, batch_cos: float = 0.5) -> RowsView:
    count = len(cos)
    ones = np.ones(count)
    return RowsView(
        np.arange(count), np.array(labels or [0] * count), np.array(cos, float), ones, 2 * ones, batch_cos, 1.0
    )


def make_run(cosines: dict[str, list[list[float]]], removed: float = 0.25) -> list[StepView]:
    steps = len(next(iter(cosines.values())))
    return [
        StepView({name: view(values[step]) for name, values in cosines.items()}, removed, 1e-7) for step in range(steps)
    ]


def test_means_by_step_label_and_phase_of_planted_cosines() -> None:
    steps = [
        StepView({"synthetic": view([-1.0, 0.5, 0.5, 1.0], labels=[0, 0, 1, 1])}, 0.0, 0.0),
        StepView({"synthetic": view([-0.5, -0.5, 0.25, 0.75], labels=[0, 0, 0, 1], batch_cos=-0.1)}, 0.0, 0.0),
    ]
    assert list_values(steps, "synthetic", "cos").tolist() == [0.25, 0.0]
    assert list_values(steps, "synthetic", "conflict").tolist() == [0.25, 0.5]
    assert list_values(steps, "synthetic", "conflict", 1).tolist() == [0.0, 0.0]
    assert list_values(steps, "synthetic", "cos", 0).tolist() == [-0.25, -0.25]
    assert list_values(steps, "synthetic", "batch_conflict").tolist() == [0.0, 1.0]
    assert math.isnan(list_values(steps[:1], "synthetic", "cos", 7)[0])
    left = [
        StepView({"after": view([-1e-6, -0.01], batch_cos=-1e-7)}, 0.0, 0.0)
    ]  # what a projection leaves is no conflict
    assert list_values(left, "after", "conflict").tolist() == [0.5]
    assert list_values(left, "after", "batch_conflict").tolist() == [0.0]
    shares = count_cosines([steps], "synthetic")
    assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert (shares[0], shares[-1]) == (0.125, 0.125)


@quick
@given(st.integers(1, 400))
def test_phases_are_thirds_that_cover_every_step(steps: int) -> None:
    covered = [step for part in split_phases(steps).values() for step in range(steps)[part]]
    assert covered == list(range(steps))
    if steps >= 3:
        sizes = [part.stop - part.start for part in split_phases(steps).values()]
        assert len(sizes) == 3
        assert max(sizes) - min(sizes) <= 1


def test_intervals_are_over_runs_or_over_blocks_of_one() -> None:
    several = estimate([np.array([0.1, 0.3]), np.array([0.4, 0.4])])
    assert several["mean"] == pytest.approx(0.3)
    assert several["low"] == pytest.approx(0.3 - 12.706 * 0.1, abs=1e-3)
    # Neighbouring steps that are alike must not make the mean look surer: 10 blocks of 15 equal steps are 10 values.
    values = numpy_rng(1, "blocks").normal(size=10)
    repeated = estimate([np.repeat(values, 15)])
    assert repeated == pytest.approx(estimate([values]))
    assert estimate([np.array([math.nan])]) == {"mean": None, "low": None, "high": None}
    assert estimate([np.array([0.5])]) == {"mean": 0.5, "low": None, "high": None}


def test_excess_over_noise_is_paired_by_step() -> None:
    cosines = {"real": [[1.0]] * 12, "synthetic": [[-1.0, -1.0, 1.0]] * 12, "second_real": [[-1.0, 1.0, 1.0]] * 12}
    found = summarise([make_run(cosines)], LABELS)
    assert found["groups"]["synthetic"]["conflict"]["mean"] == pytest.approx(2 / 3)
    assert found["excess"]["conflict"]["second_real"] == pytest.approx({"mean": 1 / 3, "low": 1 / 3, "high": 1 / 3})
    assert found["removed"]["mean"] == 0.25
    assert found["by_label"]["synthetic"]["no"]["cos"]["mean"] is None
    assert "real" not in found["excess"]["conflict"]


@quick
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40))
def test_auc_is_scikit_learns_and_knows_only_ranks(rows: list[tuple[int, bool]]) -> None:
    scores, wrong = np.array([float(s) for s, _ in rows]), np.array([w for _, w in rows])
    found = measure_auc(scores, wrong)
    if wrong.all() or not wrong.any():
        assert math.isnan(found)
        return
    assert found == pytest.approx(roc_auc_score(wrong, scores))
    assert found == pytest.approx(measure_auc(np.exp(scores), wrong))
    assert found == pytest.approx(1 - measure_auc(-scores, wrong))
    one_label = np.zeros(len(rows), dtype=np.int64)
    assert found == pytest.approx(measure_auc_within(scores, wrong, one_label))


def test_auc_within_labels_forgets_what_the_label_alone_says() -> None:
    labels = np.array([0] * 10 + [1] * 10)
    wrong = np.array([True] * 9 + [False] + [False] * 9 + [True])
    scores = -labels.astype(float)
    assert measure_auc(scores, wrong) == pytest.approx(0.9)
    assert measure_auc_within(scores, wrong, labels) == 0.5


def make_drawn(row: int, cos: float, *, wrong: bool, loss: float, margin: float | None = None) -> Drawn:
    example = Example("a", str(row), LABELS[row % 2])
    oracle = LABELS[(row + wrong) % 2]
    return Drawn(row, example, 2, cos, float(cos < 0), 1.0, loss, cos, margin, oracle)


def test_detectors_find_what_is_planted() -> None:
    rng = numpy_rng(3, "planted")
    rows = [
        make_drawn(n, -0.5 - n / 100 if n % 5 == 0 else 0.5, wrong=n % 5 == 0, loss=float(rng.random()))
        for n in range(60)
    ]
    found = judge_detectors([rows], seed=1)
    assert found is not None
    assert found["examples"] == [{"right": 48, "mislabelled": 12, "unreadable": 0}]
    assert (found["conflict"]["right"]["mean"], found["conflict"]["mislabelled"]["mean"]) == (0.0, 1.0)
    assert found["auc"]["cos"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert found["auc"]["loss"]["low"] < 0.5 < found["auc"]["loss"]["high"]
    assert found["ahead"]["loss"]["low"] > 0
    assert "posterior" not in found["auc"]  # no margin is known
    assert "Cos is clearly better than all of them." in describe_mislabelled(found)[1]
    blind = judge_detectors(
        [[make_drawn(n, float(rng.random()), wrong=n % 3 == 0, loss=1.0) for n in range(90)]], seed=1
    )
    assert blind is not None
    assert blind["auc"]["cos"]["low"] < 0.5 < blind["auc"]["cos"]["high"]
    assert "None of them is clearly better than cos." in describe_mislabelled(blind)[1]
    turned = judge_detectors(
        [[replace(one, cos=-one.cos, loss=float(one.kind == "mislabelled")) for one in rows]], seed=1
    )
    assert turned is not None
    assert "Clearly better than cos: loss and norm of its gradient." in describe_mislabelled(turned)[1]


def test_intervals_end_where_shares_end() -> None:
    wide = {"mean": 0.9, "low": -0.3, "high": 1.5}
    assert show_share(wide) == "90.0 % (0.0 to 100.0)"
    assert show_auc(wide) == "0.90 (0.00 to 1.00)"
    assert show_share({"mean": None, "low": None, "high": None}) == "-"


def test_without_oracle_or_without_wrong_labels_there_is_no_auc() -> None:
    rows = [make_drawn(n, 0.1, wrong=False, loss=1.0) for n in range(6)]
    assert judge_detectors([rows], seed=1) is None
    unknown = [Drawn(1, Example("a", "b", "yes"), 1, 0.1, 0.0, 1.0, 1.0, 0.1, None, None)]
    assert judge_detectors([unknown], seed=1) is None


def test_the_worst_were_drawn_twice_where_there_are_such() -> None:
    once = Drawn(1, Example("a", "b", "yes"), 1, -0.9, 1.0, 1.0, 1.0, -0.9, None, None)
    twice = Drawn(2, Example("a", "c", "yes"), 2, -0.2, 1.0, 1.0, 1.0, -0.2, None, None)
    assert list_worst([once, twice], 5) == [twice]
    assert list_worst([once], 5) == [once]


def test_mcnemar_has_the_known_p() -> None:
    assert find_mcnemar_p("0" * 15 + "1" * 5, "1" * 15 + "0" * 5) == pytest.approx(0.04139, abs=1e-5)
    assert find_mcnemar_p("01", "10") == 1.0
    assert find_mcnemar_p("11", "11") == 1.0


def answer(seed: int, paired: str, dawgen: str) -> Answers:
    return Answers(seed, [Example(str(n), None, "yes") for n in range(len(paired))], paired, dawgen)


def test_accuracy_is_within_noise_or_beyond_it() -> None:
    base = "1" * 60 + "0" * 40
    little = compare_accuracy([answer(1, base, "1" * 61 + "0" * 39)])
    assert little is not None
    assert little["verdict"] == "within noise"
    assert little["change"] == pytest.approx(0.01)
    assert "one seed" in describe_change(little)
    much = compare_accuracy([answer(seed, base, "1" * (80 + seed) + "0" * (20 - seed)) for seed in (0, 1, 2)])
    assert much is not None
    assert much["verdict"] == "beyond noise"
    assert "Surgery changed accuracy by +21.0 points, from 60.0% to 81.0%" in describe_change(much)
    # Sure over the test rows, not over seeds: not beyond noise.
    torn = compare_accuracy([answer(1, base, "1" * 90 + "0" * 10), answer(2, base, "1" * 61 + "0" * 39)])
    assert torn is not None
    assert torn["over_rows"][0] > 0 > torn["over_seeds"][0]
    assert torn["verdict"] == "within noise"


def test_different_test_rows_are_not_drawn_together() -> None:
    other = Answers(2, [Example("other", None, "yes")] * 4, "1100", "1110")
    found = compare_accuracy([answer(1, "1100", "1110"), other])
    assert found is not None
    assert found["over_rows"] is None
    assert compare_accuracy([Answers(1, [], "", "")]) is None
    assert "unknown" in describe_change(None)
