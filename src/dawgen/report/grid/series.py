"""The series of a grid's charts: means over seeds with their intervals, by size, method and training step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from dawgen.report.grid.arms import Arm
from dawgen.report.grid.files import Grid, GridRow
from dawgen.report.grid.view import View
from dawgen.report.plots import Curve
from dawgen.stats import find_t_interval

Size = Literal["shots", "multiple"]
# what the log holds: a title and the axis' name for each
CURVES = {
    "loss_real": ("Loss on real examples", "cross-entropy (nats)"),
    "loss_synthetic": ("Loss on synthetic examples", "cross-entropy (nats)"),
    "cos": ("Cosine of the real and the synthetic gradient", "cosine"),
    "conflict": ("Conflict: steps whose cosine is negative", "share of steps"),
    "removed": ("Removed by surgery", "share of the synthetic gradient"),
}


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of shares over seeds, and its 95 % interval, None for one seed.

    x: the size that the shares belong to; values: each seed's share.
    """

    x: float
    mean: float
    interval: tuple[float, float] | None
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Accuracy over one kind of size for one task and target; `fixed` is the other size, the same for all points."""

    task: str
    target: str
    varied: Size
    fixed: float | None
    series: dict[Arm, list[Mean]]


def average(values: Sequence[float], x: float = 0.0) -> Mean:
    """Return the mean of at least one share; the interval stays within [0, 1]."""
    interval = find_t_interval(values)
    clipped = None if interval is None else (max(0.0, interval[0]), min(1.0, interval[1]))
    return Mean(x, fmean(values), clipped, tuple(values))


def list_sizes(grid: Grid, varied: Size) -> list[Sizes]:
    """Return what can be drawn over a size: arms with at least two of them, the other size being held.

    Over shots, arms without a synthetic set join every multiple, as none applies to them.
    """
    found = []
    for task, target in dict.fromkeys((row.task, row.target) for row in grid.rows):
        rows = [row for row in grid.rows if (row.task, row.target) == (task, target) and row.shots]
        for fixed in sorted({_get_other(row, varied) for row in rows}, key=lambda value: (value is not None, value)):
            same = [row for row in rows if _get_other(row, varied) in _list_fitting(fixed, varied)]
            series = _make_series(same, varied)
            # without an arm that has this very size, the chart would only repeat arms that fit every size
            if any(_get_other(row, varied) == fixed for row in same if row.arm in series):
                found.append(Sizes(task, target, varied, fixed, series))
    held = {(sizes.task, sizes.target) for sizes in found if sizes.fixed is not None}
    return [sizes for sizes in found if sizes.fixed is not None or (sizes.task, sizes.target) not in held]


def list_points(view: View, task: str) -> dict[Arm, Mean]:
    """Return each arm's mean accuracy on a task at the view's size, in the order of tables."""
    points = {arm: view.list_values(arm, task) for arm in view.arms}
    return {arm: average(values) for arm, values in points.items() if values}


def find_majority(rows: Iterable[GridRow]) -> float | None:
    """Return the accuracy of always answering the most frequent gold label, None without a confusion matrix."""
    for row in rows:
        counts = [sum(gold) for gold in row.confusion]
        if sum(counts):
            return max(counts) / sum(counts)
    return None


def average_curves(view: View, task: str, field: str) -> dict[Arm, Curve]:
    """Return each arm's mean over seeds of a logged field, at the steps that all its seeds have."""
    curves = {}
    for arm in view.arms:
        logs = [row.curves for (name, _), row in view.get_rows(arm).items() if name == task and row.curves]
        points = [dict(zip(log["step"], log[field], strict=False)) for log in logs if "step" in log and field in log]
        shared = [step for step in points[0] if all(at.get(step) is not None for at in points)] if points else []
        if shared:
            means = [fmean(float(at[step] or 0.0) for at in points) for step in shared]
            curves[arm] = Curve(arm.name, [float(step or 0) for step in shared], means)
    return curves


def add_confusions(rows: Iterable[GridRow]) -> list[list[int]]:
    """Return the sum of the confusion matrices of one arm on one task (row: gold label, column: predicted)."""
    matrices = [row.confusion for row in rows]
    return [[sum(cells) for cells in zip(*lines, strict=True)] for lines in zip(*matrices, strict=True)]


def _get_other(row: GridRow, varied: Size) -> float | None:
    return row.multiple if varied == "shots" else row.shots


def _list_fitting(fixed: float | None, varied: Size) -> set[float | None]:
    return {fixed, None} if varied == "shots" else {fixed}


def _make_series(rows: Sequence[GridRow], varied: Size) -> dict[Arm, list[Mean]]:
    values: dict[Arm, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        size = row.shots if varied == "shots" else row.multiple
        if size:
            values[row.arm][size].append(row.accuracy)
    return {
        arm: [average(values[arm][size], size) for size in sorted(values[arm])]
        for arm in sorted(values, key=lambda arm: arm.place)
        if len(values[arm]) > 1
    }
