"""Signatures of answers and of training: each planted, and not."""

import math
from dataclasses import replace

import pytest

from dawgen.evaluate.doctor.diagnose import diagnose_run
from dawgen.evaluate.doctor.facts import Facts, Share
from dawgen.evaluate.doctor.prompts import (
    OPTIMISM,
    find_collapsed,
    find_cut_texts,
    find_flipped,
    find_guessing,
    find_no_gain,
    find_not_learned,
    find_overfit,
    find_small_dev,
    is_collapsed,
)
from dawgen.stats import expect_best
from support.doctor_facts import LABELS, make_base, make_facts, make_method, make_set

COLLAPSED = ((196, 2, 2), (195, 3, 2), (196, 2, 2))
EXCHANGED = ((10, 40, 150), (40, 140, 20), (150, 40, 10))  # of CONFUSION, entailment and contradiction
GUESSES = ((90, 60, 50), (80, 60, 60), (85, 60, 55))


def names(facts: Facts) -> list[str]:
    return [finding.name for finding in diagnose_run(facts)]


def test_a_collapsed_prompt_and_why() -> None:
    method = make_method(confusion=COLLAPSED)
    facts = make_facts(method)
    assert names(facts) == ["collapsed", "overfit"]  # it knew the few shots, and says one label elsewhere
    found = find_collapsed(facts, method)
    assert found is not None
    assert "587 of 600 answers are 'entailment'; the largest label has 200 rows" in found.evidence
    assert "training stopped" in found.cause
    unbalanced = replace(make_set(), labels={"entailment": 900, "neutral": 10, "contradiction": 10})
    found = find_collapsed(make_facts(method, set=unbalanced), method)
    assert found is not None
    assert "900 of 920 synthetic rows are 'entailment'" in found.cause


def test_one_label_is_no_collapse_where_the_truth_is_one_or_nothing_was_trained() -> None:
    assert not is_collapsed(make_method(confusion=((480, 5, 5), (3, 0, 0), (7, 0, 0))))
    assert not is_collapsed(make_method(confusion=()))
    untrained = make_method("zero_shot", confusion=COLLAPSED, schedule="")
    assert find_collapsed(make_facts(untrained), untrained) is None
    assert not is_collapsed(make_method(confusion=((188, 6, 6), (188, 6, 6), (188, 6, 6))))  # 94 %


def test_flipped_labels_between_two_of_three() -> None:
    method = make_method(confusion=EXCHANGED)
    facts = make_facts(method, make_base(correct=""))
    found = find_flipped(facts, method)
    assert found is not None
    assert (
        found.evidence == "between entailment and contradiction 6.2 % of 320 test rows are right, guessing gives 50.0 %"
    )
    assert "files' label columns" in found.try_


def test_flipped_words_of_a_method_that_trains_nothing() -> None:
    # Flan-T5-large on RTE in the paper: 26.35 % of 277 rows
    method = make_method("zero_shot", confusion=((36, 110), (94, 37)), schedule="", synthetic=False)
    facts = make_facts(method, labels=("entailment", "not_entailment"), words=("no", "yes"), set=None)
    found = find_flipped(facts, method)
    assert found is not None
    assert "26.4 % of 277" in found.evidence
    assert "now {'entailment': 'no', 'not_entailment': 'yes'}" in found.try_


def test_poor_answers_are_not_flipped_ones() -> None:
    unlucky = ((32, 156, 12), (69, 109, 22), (86, 87, 27))  # of 60 shots per label with random labels
    for confusion in (GUESSES, COLLAPSED, ((5, 7), (8, 4)), unlucky):
        method = make_method(confusion=confusion)
        labels = LABELS[: len(confusion)]
        assert find_flipped(make_facts(method, labels=labels, set=None), method) is None


def test_a_prompt_that_guesses() -> None:
    method = make_method(confusion=GUESSES)
    facts = make_facts(method)
    assert "guessing" in names(facts)
    assert "guessing" in names(make_facts(make_method(confusion=((32, 156, 12), (69, 109, 22), (86, 87, 27)))))
    found = find_guessing(facts, method)
    assert found is not None
    assert found.numbers["guessing"] == pytest.approx((200 * 255 + 200 * 180 + 200 * 165) / 600**2)


def test_real_rows_alone_may_guess_where_synthetic_data_help() -> None:
    base = make_base(confusion=GUESSES)
    assert find_guessing(make_facts(base, make_method()), base) is None
    assert find_guessing(make_facts(base, make_method(confusion=GUESSES)), base) is not None
    assert find_guessing(make_facts(base), base) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {},  # 73 %
        {"confusion": ((8, 7, 5), (8, 6, 6), (8, 6, 6))},  # as poor, but too few rows to be sure
        {"confusion": COLLAPSED},  # has a name of its own
        {"confusion": EXCHANGED},
        {"confusion": GUESSES, "losses": (1.1,) * 150},
        {"confusion": GUESSES, "schedule": ""},
        {"confusion": ()},
    ],
)
def test_what_is_no_guessing(changes: dict[str, object]) -> None:
    method = make_method(**changes)
    assert find_guessing(make_facts(method), method) is None


def test_an_overfitted_prompt() -> None:
    method = make_method(fitted=Share(48, 48), confusion=((100, 50, 50), (50, 100, 50), (50, 50, 100)))
    found = find_overfit(make_facts(method), method)
    assert found is not None
    assert found.evidence == "100.0 % of 48 few shots are right and 50.0 % of 600 held-out rows"
    few = make_method(fitted=Share(6, 6), confusion=((6, 4), (4, 6)))  # a gap of 40 points, of six rows
    assert find_overfit(make_facts(few), few) is None
    near = make_method(fitted=Share(46, 48))  # 96 against 73 %: less than 25 points
    assert find_overfit(make_facts(near), near) is None


def test_real_rows_alone_overfit_only_where_the_run_has_nothing_better() -> None:
    base = make_base()
    assert find_overfit(make_facts(base, make_method()), base) is None
    found = find_overfit(make_facts(base, set=None), base)
    assert found is not None
    assert "--methods prompt_tuning,dawgen" in found.try_


def test_the_dev_rows_stand_in_for_a_test_set() -> None:
    method = make_method(confusion=(), correct="", fitted=Share(48, 48), dev_accuracy=0.4, n_dev=60)
    assert find_overfit(make_facts(method), method) is not None
    unknown = replace(method, dev_accuracy=None, n_dev=0)
    assert find_overfit(make_facts(unknown), unknown) is None


def test_a_dev_set_that_is_too_small_or_asked_too_often() -> None:
    for changes in ({"n_dev": 12}, {"looks": 150}):
        found = find_small_dev(make_facts(make_base(), make_method(**changes)))
        assert found is not None
        assert found.method == "dawgen"
        assert found.numbers["excess"] > OPTIMISM
    assert find_small_dev(make_facts(make_method(n_dev=12, looks=1))) is None  # nothing to choose
    assert find_small_dev(make_facts(make_method(n_dev=0, dev_accuracy=None))) is None


def test_the_defaults_are_never_too_small() -> None:
    # 16 dev rows per label of a task of two labels, at any accuracy; 6 looks
    worst = max(expect_best(p / 100, 32, 6) for p in range(1, 100))
    assert worst < OPTIMISM < worst + 0.01


def test_synthetic_data_that_made_it_worse() -> None:
    base = make_base()
    worse = make_method(confusion=((80, 60, 60), (60, 80, 60), (60, 60, 80)))
    found = find_no_gain(make_facts(base, worse), worse)
    assert found is not None
    assert "40.0 % of 600 test rows are right, 53.3 % of 600 without" in found.evidence
    better = make_method()
    assert find_no_gain(make_facts(base, better), better) is None
    # as many right and wrong, on other rows: nothing beyond luck
    other = make_method(confusion=base.confusion, correct=base.correct[::-1])
    assert find_no_gain(make_facts(base, other), other) is None
    assert find_no_gain(make_facts(worse), worse) is None  # no prompt_tuning beside it


def test_a_training_that_did_not_learn() -> None:
    for losses, cause in (((1.1,) * 150, "too low or too high"), (tuple(1 + 0.02 * n for n in range(150)), "too high")):
        method = make_method(losses=losses)
        found = find_not_learned(make_facts(method), method)
        assert found is not None
        assert cause in found.cause
    assert f"{math.log(3):.3f}" in found.evidence


@pytest.mark.parametrize("losses", [(), (1.1,) * 9, (0.5,) * 150, tuple(1.5 - 0.003 * n for n in range(150))])
def test_a_training_that_learned_or_that_nobody_knows(losses: tuple[float, ...]) -> None:
    method = make_method(losses=losses)
    assert find_not_learned(make_facts(method), method) is None


def test_not_learning_is_the_name_also_where_answers_collapse() -> None:
    facts = make_facts(make_method(confusion=COLLAPSED, losses=(1.2,) * 150, fitted=None))
    assert names(facts) == ["not_learned"]


def test_cut_texts() -> None:
    found = find_cut_texts(make_facts(make_base(), make_method(cut=Share(60, 648))))
    assert found is not None
    assert (found.method, found.numbers["share"]) == ("dawgen", 60 / 648)
    assert find_cut_texts(make_facts(make_method(cut=Share(20, 648)))) is None
    assert find_cut_texts(make_facts(make_method(cut=None))) is None
