"""Surgery that does nothing, or too much: each planted, and not."""

import pytest

from dawgen.evaluate.doctor.surgery import find_eating, find_idle
from support.doctor_facts import make_facts, make_method


def test_surgery_without_conflicts_is_idle() -> None:
    method = make_method(conflict=0.02, removed=0.001)
    found = find_idle(make_facts(method), method)
    assert found is not None
    assert "2.0 % of the gradients in 150 steps" in found.evidence
    assert "--set target.surgery=none" in found.try_


@pytest.mark.parametrize("changes", [{}, {"conflict": None}, {"conflict": 0.0, "surgery": "none"}, {"conflict": 0.05}])
def test_surgery_that_has_something_to_do_or_is_off_is_not_idle(changes: dict[str, object]) -> None:
    method = make_method(**changes)
    assert find_idle(make_facts(method), method) is None


@pytest.mark.parametrize("changes", [{"conflict": 0.63, "removed": 0.24}, {"conflict": 0.5, "removed": 0.75}])
def test_surgery_that_eats_the_signal(changes: dict[str, object]) -> None:
    method = make_method(**changes)
    found = find_eating(make_facts(method), method)
    assert found is not None
    assert found.numbers["removed"] == changes["removed"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"conflict": 0.51, "removed": 0.4},  # what gradients without any relation show
        {"conflict": 0.56, "removed": 0.4, "steps": 20},  # too few steps to tell
        {"conflict": 0.72, "removed": 0.07},  # often, but hardly anything is taken
        {"conflict": 0.9, "removed": 0.9, "surgery": "none"},
        {"conflict": 0.9, "removed": 0.9, "steps": 0},
        {"conflict": None, "removed": None},
    ],
)
def test_surgery_that_does_not(changes: dict[str, object]) -> None:
    method = make_method(**changes)
    assert find_eating(make_facts(method), method) is None
