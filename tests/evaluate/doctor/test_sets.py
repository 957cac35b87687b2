"""Signatures of the set: each planted, and not."""

from dataclasses import replace

import pytest

from dawgen.evaluate.doctor.diagnose import diagnose_run
from dawgen.evaluate.doctor.facts import Facts, Leak, Share
from dawgen.evaluate.doctor.sets import (
    find_artefact,
    find_copies,
    find_misaligned,
    find_repeats,
    find_test_leak,
    find_wrong_labels,
)
from support.doctor_facts import make_base, make_facts, make_method, make_set

FAR = {"mmd": {"value": 0.03, "chance": 0.002, "p": 0.001}}
UNKNOWN = {"fidelity": None, "raw_fidelity": None, "posterior": None}


def names(facts: Facts) -> list[str]:
    return [finding.name for finding in diagnose_run(facts)]


def test_a_sound_run_has_no_name() -> None:
    assert names(make_facts()) == []


def test_far_texts_with_low_labels_are_misaligned_and_not_wrong_labels() -> None:
    facts = make_facts(set=make_set(kind="untuned", fidelity=0.47, audit=FAR))
    assert names(facts) == ["misaligned"]
    found = find_misaligned(facts)
    assert found is not None
    assert found.numbers == {"mmd": 0.03, "mmd_times_chance": pytest.approx(15), "fidelity": 0.47}
    assert "not tuned" in found.cause


def test_far_texts_alone_or_low_labels_alone_are_not_misaligned() -> None:
    assert find_misaligned(make_facts(set=make_set(audit=FAR))) is None
    assert find_misaligned(make_facts(set=make_set(fidelity=0.47))) is None
    # far by value but not beyond luck: few rows
    luck = {"mmd": {"value": 0.03, "chance": 0.002, "p": 0.02}}
    assert find_misaligned(make_facts(set=make_set(fidelity=0.47, audit=luck))) is None


def test_a_low_posterior_is_a_sign_where_no_oracle_is() -> None:
    low = make_set(**(UNKNOWN | {"posterior": 0.76, "audit": FAR}))
    found = find_misaligned(make_facts(set=low))
    assert found is not None
    assert "probability 0.76" in found.evidence
    assert find_misaligned(make_facts(set=replace(low, posterior=0.83))) is None  # the lowest of a tuned mini generator
    # with two labels guessing is at 0.5, and 0.83 is no more than a third of the way off
    two = {"labels": ("yes", "no"), "methods": {}}
    assert find_misaligned(make_facts(set=replace(low, posterior=0.83), **two)) is not None


def test_wrong_labels_by_the_oracle() -> None:
    facts = make_facts(set=make_set(given=True, fidelity=0.33))
    assert names(facts) == ["wrong_labels"]
    found = find_wrong_labels(facts)
    assert found is not None
    assert "label column" in found.try_
    assert find_wrong_labels(make_facts(set=make_set(fidelity=0.7))) is None


def test_wrong_labels_by_the_prompt_of_real_rows() -> None:
    unknown = make_set(**UNKNOWN)
    doubting = make_base(agrees=Share(170, 500))
    found = find_wrong_labels(make_facts(doubting, make_method(), set=unknown))
    assert found is not None
    assert found.numbers == {"agreement": 0.34, "held_out": pytest.approx(320 / 600)}
    assert find_wrong_labels(make_facts(set=unknown)) is None  # agrees on 60 %
    ignorant = replace(doubting, confusion=((70, 70, 60), (70, 70, 60), (60, 70, 70)))
    assert find_wrong_labels(make_facts(ignorant, make_method(), set=unknown)) is None  # knows nothing itself
    assert find_wrong_labels(make_facts(make_method(agrees=Share(1, 500)), set=unknown)) is None  # trained on the set


def test_copies_beyond_the_real_share() -> None:
    shares = {"entailment": 0.31, "neutral": 0.0, "contradiction": None}
    facts = make_facts(set=make_set(audit={"copy_share_by_label": shares}))
    assert names(facts) == ["copies"]
    found = find_copies(facts)
    assert found is not None
    assert "31 % of the rows of 'entailment'" in found.evidence
    natural = {"copy_share_by_label": shares, "copy_share_real": {"entailment": 0.25, "neutral": 0.0}}
    assert find_copies(make_facts(set=make_set(audit=natural))) is None
    assert find_copies(make_facts(set=make_set(audit={"copy_share_by_label": {}}))) is None


@pytest.mark.parametrize(
    "audit",
    [
        {"duplicates": {"exact": {"rows": 250}, "near": {"rows": 0}}},
        {"duplicates": {"exact": {"rows": 100}, "near": {"rows": 101}}},
        {"leaks": {"real": {"pairs": 201}}},
    ],
)
def test_rows_that_repeat_others_or_the_real_ones(audit: dict[str, object]) -> None:
    assert names(make_facts(set=make_set(audit=audit))) == ["repeats"]


def test_a_few_repeats_are_none() -> None:
    audit = {"duplicates": {"exact": {"rows": 100}, "near": {"rows": 100}}, "leaks": {"real": {"pairs": 200}}}
    assert find_repeats(make_facts(set=make_set(audit=audit))) is None


def test_a_rule_that_gives_labels_away() -> None:
    rule = {
        "text": "'not' in the last text: contradiction, else: neutral",
        "accuracy": 0.65,
        "majority": 0.333,
        "transfer": 0.4,
    }
    facts = make_facts(set=make_set(audit={"artefacts": {"rule": rule}}))
    assert names(facts) == ["artefact"]
    found = find_artefact(facts)
    assert found is not None
    assert "65 % of the synthetic rows, 40 % of the real rows" in found.evidence
    weak = make_set(audit={"artefacts": {"rule": rule | {"accuracy": 0.61}}})
    assert find_artefact(make_facts(set=weak)) is None
    # as right, but of a rule that answers all labels and could have been right everywhere
    able = rule | {"text": "words of the last text <= 4: entailment, <= 7: neutral, else: contradiction"}
    assert find_artefact(make_facts(set=make_set(audit={"artefacts": {"rule": able}}))) is None
    blind = rule | {"transfer": None}
    found = find_artefact(make_facts(set=make_set(audit={"artefacts": {"rule": blind}})))
    assert found is not None
    assert "real" not in found.evidence


def test_a_test_leak() -> None:
    facts = make_facts(leaks=(Leak("synthetic", Share(3, 1500), "test row 7 (a | b)"),))
    assert names(facts) == ["test_leak"]
    found = find_test_leak(facts)
    assert found is not None
    assert "3 of 1500 synthetic rows stand in the test rows, first: test row 7" in found.evidence
    assert find_test_leak(make_facts()) is None


def test_a_run_without_a_set_or_a_look_is_silent() -> None:
    assert names(make_facts(make_base(), set=None)) == ["overfit"]  # real rows alone: what they lead to
    assert names(make_facts(set=make_set(audit={"artefacts": {}, "copy_share_by_label": {}}))) == []
    assert names(make_facts(set=replace(make_set(), audit={}))) == []
