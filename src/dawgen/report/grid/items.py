"""Item uncertainty, separate from seeds, and the optimism of dev accuracies that chose a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from dawgen.report.grid.arms import Arm
from dawgen.report.grid.files import Grid, GridRow
from dawgen.report.grid.view import View, list_targets, make_view
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_interval, write_points, write_range, write_share
from dawgen.rng import numpy_rng
from dawgen.stats import average_items, bootstrap_items, expect_best

OPTIMISTIC = 0.01  # expected excess of a dev accuracy from which a warning is due


def list_items(view: View) -> list[Table]:
    """Return accuracies with item intervals by task, and differences to the baseline likewise."""
    rows = [[arm.name, *(_write_items(view, arm, task) for task in view.tasks)] for arm in view.arms]
    note = (
        "Item uncertainty: 95 % percentile interval over redrawn test rows, the trained models as they are (the mean "
        "over their seeds). It says how far other test rows would move the number, and nothing of other seeds."
    )
    tables = [
        make_table(
            f"Item uncertainty of accuracies on {view.target}",
            ["method", *view.tasks],
            rows,
            notes=[f"Accuracy in percent. {note}", _count_rows(view)],
            key=f"items-{view.slug}",
        )
    ]
    if view.baseline is not None:
        base = view.baseline
        rows = [
            [arm.name, *(_write_item_gap(view, arm, base, task) for task in view.tasks)]
            for arm in view.arms
            if arm != base
        ]
        tables.append(
            make_table(
                f"Item uncertainty of differences to {base.name} on {view.target}",
                ["method", *view.tasks],
                rows,
                notes=[f"Points of accuracy, on the seeds that both have. {note}", _count_rows(view)],
                key=f"items-difference-{view.slug}",
            )
        )
    return tables


def list_dev_choices(view: View) -> Table:
    """Return the dev accuracy of each arm whose checkpoints a dev set chose, and how optimistic it is."""
    rows = []
    worst: dict[str, float] = {}
    for arm in view.arms:
        found = [row for row in view.get_rows(arm).values() if row.dev_accuracy is not None and row.n_dev]
        if not found:
            continue
        excess = fmean(_expect_excess(row, view.settings) for row in found)
        dev, test = fmean(row.dev_accuracy or 0.0 for row in found), fmean(row.accuracy for row in found)
        if excess >= OPTIMISTIC:
            worst[arm.name] = excess
        rows.append(
            [
                arm.name,
                write_range([row.n_dev or 0 for row in found]),
                write_range([_count_choices(row, view.settings) for row in found]),
                write_share(dev),
                write_share(test),
                write_points(dev - test),
                write_points(excess),
            ]
        )
    notes = [
        "Means over tasks and seeds. Choices: checkpoints that the dev set chose from, times the settings that the "
        "grid lets it choose from. Expected excess: of the best of so many independent choices that are all as good "
        "as the test accuracy; checkpoints of one run answer alike, so that it is an upper bound.",
        *_warn(view.target, worst),
    ]
    return make_table(
        f"Choices made on the dev set on {view.target}",
        ["method", "dev rows", "choices", "dev %", "test %", "dev - test", "expected excess"],
        rows,
        notes=notes,
        key=f"dev-{view.slug}",
    )


def warn_of_optimism(grid: Grid) -> list[str]:
    """Return a warning for each target whose dev set chose among so much that its score is optimistic."""
    tables = [list_dev_choices(make_view(grid, target)) for target in list_targets(grid)]
    return [note for table in tables for note in table.notes[1:]]


def _warn(target: str, worst: dict[str, float]) -> list[str]:
    if not worst:
        return []
    most = max(worst, key=worst.__getitem__)
    return [
        f"Warning: on {target} the dev accuracy of {len(worst)} {'method' if len(worst) == 1 else 'methods'} chose "
        "among so many checkpoints and settings that chance alone may raise it by a point or more "
        f"(at most {100 * worst[most]:.1f}: {most}). Report the test accuracy."
    ]


def _count_choices(row: GridRow, settings: int) -> int:
    return max(1, row.looks or 1) * max(1, settings)


def _expect_excess(row: GridRow, settings: int) -> float:
    return expect_best(row.accuracy, row.n_dev or 1, _count_choices(row, settings))


def _write_items(view: View, arm: Arm, task: str) -> str:
    values = _average(view, arm, task, view.get_seeds(task))
    if values is None:
        return "-"
    interval = bootstrap_items(values, numpy_rng(0, f"items/{view.target}/{arm.name}/{task}"))
    return f"{write_share(float(values.mean()))}{write_interval(interval)}"


def _write_item_gap(view: View, arm: Arm, base: Arm, task: str) -> str:
    seeds = _share_seeds(view, arm, base, task)
    a, b = _average(view, arm, task, seeds), _average(view, base, task, seeds)
    if a is None or b is None or len(a) != len(b):
        return "-"
    interval = bootstrap_items(a - b, numpy_rng(0, f"items/{view.target}/{arm.name}/{base.name}/{task}"))
    return f"{write_points(float((a - b).mean()))}{write_interval(interval, signed=True)}"


def _share_seeds(view: View, arm: Arm, base: Arm, task: str) -> list[int]:
    """Return the seeds that both have; all of the other where no seed changes one."""
    mine, theirs = ({seed for name, seed in view.get_rows(one) if name == task} for one in (arm, base))
    if arm.fixed:
        return sorted(theirs) if mine else []
    return sorted(mine) if base.fixed and theirs else sorted(mine & theirs)


def _average(view: View, arm: Arm, task: str, seeds: Sequence[int]) -> np.ndarray | None:
    """Return the share of seeds that are right on each row [N], None without rows or where the test sets differ."""
    rows = {seed: row for (name, seed), row in view.get_rows(arm).items() if name == task}
    if arm.fixed:
        seeds = sorted(rows) if seeds else []
    texts = [rows[seed].correct for seed in seeds if seed in rows]
    if not texts or not texts[0] or len({len(text) for text in texts}) > 1:
        return None
    return average_items(texts)


def _count_rows(view: View) -> str:
    counts = {task: sorted({row.n_test for row in view.rows if row.task == task}) for task in view.tasks}
    return "Test rows: " + ", ".join(f"{task} {write_range(found)}" for task, found in counts.items()) + "."
