"""Means of watched gradients with intervals: by group of rows, by label, by third of the training.

The interval is Student's over the runs' means. Of a single run it is over the means of ten blocks of consecutive steps
(batch means): neighbouring steps share prompt and rows, so single steps treated as independent would give too narrow an
interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawgen.evaluate.gradients.watch import RowsView, StepView
from dawgen.stats import find_t_interval

BLOCKS = 10
PHASES = ("early", "middle", "late")  # thirds of the steps
BINS = 40  # of the histogram of cos over [-1, 1]
ROUNDING = 1e-4  # after a projection a conflict is a cos of 0, except for rounding
Series = NDArray[np.float64]  # [S], one value per step, nan where there is none
Estimate = dict[str, float | None]
Run = Sequence[StepView]


def find_conflict(cos: Any) -> Any:
    """Return whether a cosine, or each of an array, is below zero by more than rounding."""
    return np.asarray(cos) < -ROUNDING


# Of single rows, [B] in each step.
OF_ROWS: dict[str, Callable[[RowsView], Series]] = {
    "cos": lambda view: view.cos,
    "conflict": lambda view: find_conflict(view.cos).astype(float),
    "norm": lambda view: view.norm,
    "loss": lambda view: view.loss,
}
# Of the group's mean gradient.
OF_BATCHES: dict[str, Callable[[RowsView], float]] = {
    "batch_cos": lambda view: view.batch_cos,
    "batch_conflict": lambda view: float(find_conflict(view.batch_cos)),
    "batch_norm": lambda view: view.batch_norm,
}


def list_values(run: Run, group: str, measure: str, label: int | None = None) -> Series:
    """Return a measure of a group in each step, [S]: of single rows its mean, over one label's where one is given."""
    if measure in OF_BATCHES:
        return np.array([OF_BATCHES[measure](step.groups[group]) for step in run])
    values = np.full(len(run), np.nan)
    for place, step in enumerate(run):
        view = step.groups[group]
        rows = OF_ROWS[measure](view)
        rows = rows if label is None else rows[view.labels == label]
        if len(rows):
            values[place] = rows.mean()
    return values


def estimate(series: Sequence[Series]) -> Estimate:
    """Return {"mean", "low", "high"} of one series per run; low and high are None if there are too few values."""
    known = [values[~np.isnan(values)] for values in series]
    if len(known) == 1:
        blocks = np.array_split(known[0], min(BLOCKS, len(known[0])) or 1)
        means = [float(block.mean()) for block in blocks if len(block)]
    else:
        means = [float(values.mean()) for values in known if len(values)]
    return estimate_mean(means)


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Return mean and Student's 95 % interval of independent values."""
    low, high = find_t_interval(values) or (None, None)
    return {"mean": fmean(values) if values else None, "low": low, "high": high}


def split_phases(steps: int) -> dict[str, slice]:
    """Return the thirds of a training of `steps` steps; one that is empty is left out."""
    bounds = [round(steps * part / 3) for part in range(4)]
    slices = {name: slice(bounds[place], bounds[place + 1]) for place, name in enumerate(PHASES)}
    return {name: part for name, part in slices.items() if part.stop > part.start}


def list_groups(runs: Sequence[Run]) -> list[str]:
    """Return the names of the groups that every step of every run has."""
    return [name for name in runs[0][0].groups if all(name in step.groups for run in runs for step in run)]


def summarise(runs: Sequence[Run], labels: Sequence[str]) -> dict[str, Any]:
    """Return the entry of gradients.json for one training over several runs."""
    groups = list_groups(runs)
    measures = [*OF_ROWS, *OF_BATCHES]
    removed = [np.array([step.removed for step in run]) for run in runs]
    return {
        "groups": {
            group: {measure: estimate([list_values(run, group, measure) for run in runs]) for measure in measures}
            for group in groups
        },
        "excess": {
            measure: {
                group: estimate([_subtract(run, group, measure) for run in runs])
                for group in groups
                if group not in ("real", "synthetic")
            }
            for measure in ("conflict", "batch_conflict", "cos")
        },
        "removed": estimate(removed),
        "by_label": {
            group: {
                label: {m: estimate([list_values(run, group, m, number) for run in runs]) for m in OF_ROWS}
                for number, label in enumerate(labels)
            }
            for group in groups
        },
        "by_phase": {group: summarise_phases(runs, group, measures) for group in groups},
        "removed_by_phase": {
            name: estimate([values[part] for values in removed])
            for name, part in split_phases(min(map(len, runs))).items()
        },
        "histogram": {"from": -1.0, "to": 1.0, "shares": {group: count_cosines(runs, group) for group in groups}},
        "largest_error": max(step.error for run in runs for step in run),
    }


def summarise_phases(runs: Sequence[Run], group: str, measures: Sequence[str]) -> dict[str, dict[str, Estimate]]:
    """Return every measure of a group in each third of the training."""
    return {
        name: {measure: estimate([list_values(run[part], group, measure) for run in runs]) for measure in measures}
        for name, part in split_phases(min(map(len, runs))).items()
    }


def count_cosines(runs: Sequence[Run], group: str) -> list[float]:
    """Return the share of a group's rows in each of 40 bins of cos over [-1, 1]."""
    values = np.concatenate([step.groups[group].cos for run in runs for step in run])
    counts, _ = np.histogram(np.clip(values, -1, 1), bins=BINS, range=(-1, 1))
    return [round(float(share), 6) for share in counts / len(values)]


def _subtract(run: Run, group: str, measure: str) -> Series:
    """Return synthetic minus the group, step by step."""
    return list_values(run, "synthetic", measure) - list_values(run, group, measure)
