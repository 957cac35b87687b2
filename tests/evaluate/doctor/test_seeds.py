"""Seeds that disagree: planted, and not."""

from collections.abc import Sequence
from dataclasses import replace

from dawgen.evaluate.doctor.diagnose import diagnose
from dawgen.evaluate.doctor.facts import Facts
from support.doctor_facts import make_facts, make_method


def runs(rights: Sequence[int], rows: int = 600) -> list[Facts]:
    return [
        make_facts(
            make_method(confusion=((right, rows // 2 - right), (0, rows // 2))),
            seed=seed,
            set=None,
            labels=("yes", "no"),
        )
        for seed, right in enumerate(rights)
    ]


def test_seeds_that_disagree() -> None:
    found = [finding for finding in diagnose(runs((150, 140, 10))) if finding.name == "seeds_disagree"]
    assert len(found) == 1
    assert found[0].run is None
    assert found[0].evidence == "66.7 ± 13.0 % over 3 seeds, from 51.7 % (seed 2) to 75.0 % (seed 0)"
    assert found[0].method == "dawgen (scenes-nli, mini-t5, 16 shots)"


def test_seeds_that_agree_or_cannot_tell() -> None:
    agree = [finding.name for finding in diagnose(runs((150, 140, 120)))]
    assert "seeds_disagree" not in agree
    assert not any(finding.name == "seeds_disagree" for finding in diagnose(runs((150, 30))))  # two are too few
    few = [finding.name for finding in diagnose(runs((5, 3, 0), rows=10))]
    assert "seeds_disagree" not in few  # ten rows make that by luck


def test_other_tasks_sizes_and_methods_are_not_compared() -> None:
    first, second, third = runs((150, 140, 0))
    assert "seeds_disagree" in [finding.name for finding in diagnose([first, second, third])]
    for change in ({"task": "sick"}, {"target": "mini-flan"}, {"shots": 4}, {"seed": 1}):
        assert "seeds_disagree" not in [finding.name for finding in diagnose([first, second, replace(third, **change)])]
