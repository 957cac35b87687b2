"""All tables of a grid: a pure function of its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from dawgen.report.grid.arms import GENERATORS, Arm
from dawgen.report.grid.facts import list_cost, list_failed, list_sets
from dawgen.report.grid.files import Grid, GridRow
from dawgen.report.grid.items import list_dev_choices, list_items
from dawgen.report.grid.significance import (
    Contrast,
    contrast_baseline,
    list_baseline_tests,
    list_generator_tests,
    list_surgery_tests,
)
from dawgen.report.grid.sizes import list_sizes
from dawgen.report.grid.variants import list_variants
from dawgen.report.grid.view import Field, View, list_targets, make_view
from dawgen.report.table.core import Cell, Table, make_table
from dawgen.report.table.text import write_mean, write_share

COMBINATIONS = {
    "pooled": "pooled",
    "pooled_smoothed": "pooled, smoothed labels",
    "real_then_synthetic": "real, then synthetic in each epoch",
    "synthetic_then_real": "synthetic, then real in each epoch",
    "paired": "paired in each step",
}
SPREAD = (
    "In percent: mean ± standard deviation over seeds [95 % t-interval of the mean]; the test rows are the same for "
    "all seeds."
)
AVERAGE = "Average: over all tasks for each seed that has them all; - where a task is missing."


def make_tables(grid: Grid) -> list[Table]:
    """Return all tables that have rows, in the order of a report."""
    tables: list[Table] = []
    for target in list_targets(grid):
        view = make_view(grid, target)
        contrasts = contrast_baseline(view)
        tables += [
            list_main(view, contrasts),
            list_f1(view),
            list_ablation(view),
            list_combination(view),
            list_rules(view),
            *list_sizes(grid, target),
            list_baseline_tests(view, contrasts),
            list_surgery_tests(view),
            list_generator_tests(view),
            *list_items(view),
            list_dev_choices(view),
            list_cost(view),
        ]
    found = [*tables, *list_variants(grid), list_sets(grid), list_failed(grid)]
    return [table for table in found if table.rows]


def list_main(view: View, contrasts: Sequence[Contrast]) -> Table:
    """Return all methods by task; of each generator the paired arms, without surgery and with the paper's."""
    arms = _choose_main(view)
    better = {one.arm for one in contrasts if one.significant and one.mean > 0}
    rows: list[list[Cell | str]] = [
        [arm.name, *_write_tasks(view, arm, view.tasks, bold=arm in better)] for arm in arms
    ]
    notes = [SPREAD, *_explain(view, view.tasks)]
    if view.baseline is not None:
        notes.append(
            f"Bold only where the arm has all tasks and is better than {view.baseline.name} over its task x seed pairs "
            "with Holm-adjusted p < 0.05."
        )
    if any(arm.name == "dawgen" for arm in arms):
        notes.append("GENERATOR/paired is without surgery; dawgen alone is dawgen/paired/project.")
    return make_table(
        f"Accuracy of methods on {view.target}",
        ["method", *_head(view.tasks)],
        rows,
        notes=notes,
        key=f"main-{view.slug}",
    )


def list_f1(view: View) -> Table:
    """Return macro-F1 of the arms of `list_main`: accuracy can hide a rare label that is never predicted."""
    rows: list[list[Cell | str]] = [
        [arm.name, *_write_tasks(view, arm, view.tasks, field="macro_f1")] for arm in _choose_main(view)
    ]
    notes = [SPREAD, *_explain(view, view.tasks)]
    title = f"Macro-F1 of methods on {view.target}"
    return make_table(title, ["method", *_head(view.tasks)], rows, notes=notes, key=f"f1-{view.slug}")


def list_ablation(view: View) -> Table:
    """Return each generator alone, with real examples in each step, and with surgery (paper, ablation)."""
    arms = [
        Arm(method, *rest)
        for method in GENERATORS
        for rest in (("synthetic", ""), ("paired", "none"), ("paired", "project"))
    ]
    names = {"synthetic": ["no", "no"], "none": ["yes", "no"], "project": ["yes", "yes"]}
    return _tabulate(
        view,
        arms,
        lambda arm: [arm.method, *names[arm.surgery or arm.schedule]],
        title=f"Accuracy, ablation on {view.target}",
        header=["generator", "real data paired", "surgery"],
        key=f"ablation-{view.slug}",
    )


def list_combination(view: View) -> Table:
    """Return the ways of mixing real and synthetic data, without surgery (paper, data combination)."""
    arms = [
        Arm(method, schedule, "none" if schedule == "paired" else "")
        for method in GENERATORS
        for schedule in COMBINATIONS
    ]
    return _tabulate(
        view,
        arms,
        lambda arm: [arm.method, COMBINATIONS[arm.schedule]],
        title=f"Accuracy, real and synthetic data combined on {view.target} without surgery",
        header=["generator", "combination"],
        key=f"combination-{view.slug}",
    )


def list_rules(view: View) -> Table:
    """Return the surgery rules with what they met: cosine, conflict rate and removed share, where they were logged.

    Empty unless a rule other than none and project was run.
    """
    arms = [arm for arm in view.arms if arm.schedule == "paired"]
    if all(arm.surgery in ("none", "project") for arm in arms):
        arms = []
    met = ("cos", "conflict", "removed")
    return _tabulate(
        view,
        arms,
        lambda arm: [arm.method, arm.surgery, *(_average_curve(view.get_rows(arm).values(), field) for field in met)],
        title=f"Accuracy, surgery rules on {view.target}",
        header=["generator", "rule", "cosine", "conflict %", "removed %"],
        key=f"surgery-{view.slug}",
        names=2,
        notes=[
            "Cosine of the real and the synthetic gradient, share of steps (or pairs of rows) where it is negative, "
            "and share of the synthetic gradient that the rule removed: means over training, tasks and seeds."
        ],
    )


def _choose_main(view: View) -> list[Arm]:
    return [
        arm
        for arm in view.arms
        if arm.method not in GENERATORS
        or arm.probe
        or (arm.schedule == "paired" and arm.surgery in ("none", "project"))
    ]


def _tabulate(
    view: View,
    arms: Iterable[Arm],
    describe_arm: Callable[[Arm], list[str]],
    *,
    title: str,
    header: list[str],
    key: str,
    names: int | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Return the arms that have rows by the tasks on which any of them has; `describe_arm` gives the first cells."""
    found = [arm for arm in arms if view.get_rows(arm)]
    tasks = [task for task in view.tasks if any(view.list_values(arm, task) for arm in found)]
    rows: list[list[Cell | str]] = [[*describe_arm(arm), *_write_tasks(view, arm, tasks)] for arm in found]
    return make_table(
        title,
        [*header, *_head(tasks)],
        rows,
        notes=[SPREAD, *_explain(view, tasks), *notes],
        key=key,
        names=len(header) if names is None else names,
    )


def _head(tasks: Sequence[str]) -> list[str]:
    return [*tasks, "average"] if len(tasks) > 1 else list(tasks)


def _explain(view: View, tasks: Sequence[str]) -> list[str]:
    """Return notes on the size, the average and the number of seeds."""
    seeds = {task: len(view.get_seeds(task)) for task in tasks}
    if len(set(seeds.values())) > 1:
        counts = "Seeds: " + ", ".join(f"{task} {count}" for task, count in seeds.items())
    else:
        counts = f"Seeds: {next(iter(seeds.values()), 0)}"
    size = f"{view.size[:1].upper()}{view.size[1:]}. " if view.size else ""
    return [f"{size}{counts}; fewer stand in brackets.", *([AVERAGE] if len(tasks) > 1 else [])]


def _write_tasks(
    view: View, arm: Arm, tasks: Sequence[str], *, bold: bool = False, field: Field = "accuracy"
) -> list[Cell]:
    """Return a cell per task and, with several, the average, which is the one that may be bold."""
    fixed = arm.fixed
    cells = [
        Cell(write_mean(view.list_values(arm, task, field), most=None if fixed else len(view.get_seeds(task))))
        for task in tasks
    ]
    if len(tasks) > 1:
        cells.append(Cell(write_mean(view.average_tasks(arm, tasks, field))))
    last = cells[-1]
    return [*cells[:-1], Cell(last.text, bold=bold and last.text != "-")]


def _average_curve(rows: Iterable[GridRow], field: str) -> str:
    values = [value for row in rows for value in (row.curves or {}).get(field, ()) if value is not None]
    if not values:
        return "-"
    return f"{fmean(values):+.2f}" if field == "cos" else write_share(fmean(values))
