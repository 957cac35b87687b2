"""Tables of differences: their uncertainty over tasks and seeds, corrected for the number of comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dawgen.report.grid.arms import Arm
from dawgen.report.grid.view import View
from dawgen.report.table.core import Cell, Table, make_table
from dawgen.report.table.text import Interval, write_interval, write_points
from dawgen.rng import numpy_rng
from dawgen.stats import adjust_holm, bootstrap_pairs, find_rank_p, mean_over_groups, show_p

LEVEL = 0.05  # of the Holm-adjusted p below which a difference is bold


@dataclass(frozen=True, slots=True)
class Contrast:
    """One arm against another over the task x seed pairs that both have.

    mean: over tasks of the mean difference over seeds; interval: hierarchical bootstrap; p: Wilcoxon over all pairs;
    adjusted: by Holm over all contrasts of one table (both nan where all pairs are equal).
    """

    arm: Arm
    other: Arm
    tasks: int
    pairs: int
    mean: float
    interval: Interval
    p: float
    adjusted: float

    @property
    def significant(self) -> bool:
        """Whether the difference may be set bold."""
        return self.adjusted < LEVEL


def contrast_baseline(view: View) -> list[Contrast]:
    """Return every arm against the grid's baseline; empty where the view has none."""
    if view.baseline is None:
        return []
    return contrast_pairs(view, [(arm, view.baseline) for arm in view.arms if arm != view.baseline])


def contrast_pairs(view: View, pairs: Sequence[tuple[Arm, Arm]]) -> list[Contrast]:
    """Return the contrasts of (arm, other), one family for Holm; those without a common task and seed are left out."""
    found = [one for arm, other in pairs if (one := _contrast(view, arm, other)) is not None]
    adjusted = adjust_holm([one.p for one in found])
    return [replace(one, adjusted=p) for one, p in zip(found, adjusted, strict=True)]


def list_baseline_tests(view: View, contrasts: Sequence[Contrast]) -> Table:
    """Return the table of `contrast_baseline`."""
    name = "the baseline" if view.baseline is None else view.baseline.name
    return _tabulate(view, contrasts, title=f"Differences to {name} on {view.target}", key="significance")


def list_surgery_tests(view: View) -> Table:
    """Return every surgery rule against the same generator's paired arm without surgery."""
    pairs = [
        (arm, Arm(arm.method, "paired", "none"))
        for arm in view.arms
        if arm.schedule == "paired" and arm.surgery != "none"
    ]
    title = f"Surgery against none, both paired, on {view.target}"
    return _tabulate(view, contrast_pairs(view, pairs), title=title, key="significance-surgery")


def list_generator_tests(view: View) -> Table:
    """Return dawgen's generator against fewgen's, used in the same way."""
    pairs = [(arm, Arm("fewgen", arm.schedule, arm.surgery)) for arm in view.arms if arm.method == "dawgen"]
    title = f"dawgen's sets against fewgen's, used in the same way, on {view.target}"
    return _tabulate(view, contrast_pairs(view, pairs), title=title, key="significance-generator")


def _contrast(view: View, arm: Arm, other: Arm) -> Contrast | None:
    a, b = view.pick_pairs(arm), view.pick_pairs(other)
    gaps: dict[str, list[float]] = {}
    for task, seed in sorted(key for key in a if key in b):
        gaps.setdefault(task, []).append(a[task, seed] - b[task, seed])
    if not gaps:
        return None
    flat = [gap for values in gaps.values() for gap in values]
    # A generator of its own for each contrast: more arms in the grid do not change the others' intervals.
    rng = numpy_rng(0, f"pairs/{view.target}/{arm.name}/{other.name}")
    p = find_rank_p(flat)
    return Contrast(arm, other, len(gaps), len(flat), mean_over_groups(gaps), bootstrap_pairs(gaps, rng), p, p)


def _tabulate(view: View, contrasts: Sequence[Contrast], *, title: str, key: str) -> Table:
    rows: list[list[Cell | str]] = [
        [
            one.arm.name,
            one.other.name,
            str(one.tasks),
            str(one.pairs),
            Cell(f"{write_points(one.mean)}{write_interval(one.interval, signed=True)}", bold=one.significant),
            show_p(one.p),
            show_p(one.adjusted),
        ]
        for one in contrasts
    ]
    notes = [
        "Difference of accuracy in points: mean over tasks of the mean over seeds [95 % hierarchical bootstrap: tasks "
        "are drawn, then their seeds; with one task only seeds]. Of few tasks or seeds the interval is too narrow.",
        f"p: Wilcoxon's signed-rank test over all task x seed pairs; with n pairs it cannot be below 2 / 2^n (5: 0.062)"
        f". Seeds of a task share its test rows. Adjusted by Holm over the {len(rows)} differences of this table; bold "
        f"only below {LEVEL}.",
    ]
    header = ["method", "against", "tasks", "pairs", "difference", "p", "adjusted p"]
    return make_table(title, header, rows, notes=notes, key=f"{key}-{view.slug}", names=2)
