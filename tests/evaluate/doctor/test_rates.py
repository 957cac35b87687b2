"""The signatures of a rate that does not fit: each fires at its fault and is silent on a sound run."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from dawgen.evaluate.doctor.diagnose import diagnose_run
from dawgen.evaluate.doctor.rates import find_far_prompt, find_slow_start
from dawgen.evaluate.doctor.read import read_facts
from dawgen.runs.finished import FinishedRun
from support.doctor_facts import FALLING, make_facts, make_method

OLD = Path(__file__).parents[2] / "fixtures" / "v0.1" / "run"
LATE = tuple(1.1 if step < 60 else 0.5 for step in range(150))


def test_a_prompt_far_from_the_embeddings() -> None:
    method = make_method(reach=47.2)
    found = find_far_prompt(make_facts(method, rate="target.lr 0.3"), method)
    assert found is not None and found.severity == "serious"
    assert "47 times as long as an embedding of mini-t5" in found.evidence and "target.lr 0.3" in found.cause
    for reach in (None, 2.5, 10.0):
        assert find_far_prompt(make_facts(method), replace(method, reach=reach)) is None


@pytest.mark.parametrize("losses", [LATE, LATE[::10]])
def test_a_loss_that_leaves_chance_late(losses: tuple[float, ...]) -> None:
    method = make_method(losses=losses)
    found = find_slow_start(make_facts(method, rate="target.rate 0.01"), method)
    assert found is not None and found.severity == "minor"
    assert f"{math.log(3):.3f}" in found.evidence and "target.rate 0.01" in found.cause


@pytest.mark.parametrize("losses", [(), FALLING, FALLING[::10], (1.1,) * 14, (1.1,) * 150])
def test_one_that_leaves_it_in_time_or_never_or_that_nobody_knows(losses: tuple[float, ...]) -> None:
    method = make_method(losses=losses)
    assert find_slow_start(make_facts(method), method) is None


def test_they_are_among_the_names_of_a_run() -> None:
    found = diagnose_run(make_facts(make_method(reach=11.0, losses=LATE)))
    assert [finding.name for finding in found] == ["far_prompt", "slow_start"]
    assert diagnose_run(make_facts(make_method(reach=2.0))) == []


def test_the_rate_of_an_older_run_is_its_lr() -> None:
    assert read_facts(FinishedRun.open(OLD)).rate == "target.lr 0.3"
