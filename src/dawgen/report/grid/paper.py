"""The paper's published accuracies beside a grid's.

paper.csv holds all numbers of the paper's main, ablation and combination tables under a grid's names, as shares. The
paper prints no deviations. Its "average" is over its seven tasks, as printed (prompt_tuning on t5-large: 43.49, though
its seven numbers have the mean 43.56).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import fmean

from dawgen.report.grid.arms import Arm
from dawgen.report.grid.files import Grid
from dawgen.report.grid.view import View, list_targets, make_view
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_points, write_share
from dawgen.stats import mean_over_groups

TARGETS = ("t5-large", "flan-t5-large")
AVERAGE = "average"
TUNED = Arm("prompt_tuning", "real", "")


@dataclass(frozen=True, slots=True)
class Published:
    """One printed accuracy, a share in [0, 1]; task may be "average"."""

    task: str
    target: str
    arm: Arm
    accuracy: float


@cache
def read_paper() -> tuple[Published, ...]:
    """Return all published numbers in the paper's order."""
    text = resources.files("dawgen.report.grid").joinpath("paper.csv").read_text(encoding="utf-8")
    return tuple(
        Published(
            row["task"], row["target"], Arm(row["method"], row["schedule"], row["surgery"]), float(row["accuracy"])
        )
        for row in csv.DictReader(text.splitlines())
    )


def compare_with_paper(grid: Grid) -> Table:
    """Return published and own accuracies of the arms that both have, each with its difference to prompt tuning.

    One block per task that both have, then the averages, each over its own tasks. No rows where no arm is shared.
    """
    views = [make_view(grid, target) for target in list_targets(grid)]
    printed = {(one.task, one.target, one.arm): one.accuracy for one in read_paper()}
    known = {arm for _, _, arm in printed}
    arms = sorted({arm for view in views for arm in view.arms if arm in known}, key=lambda arm: arm.place)
    own = list(dict.fromkeys(task for view in views for task in view.tasks))
    common = [task for task in own if any(task == name for name, _, _ in printed)]
    rows = []
    for task in [*common, AVERAGE]:
        for arm in arms:
            here = [text for view in views for text in _write_own(view, task, arm)]
            there = [text for target in TARGETS for text in _write_printed(printed, task, target, arm)]
            if any(text != "-" for text in here):
                rows.append([task, arm.name, *there, *here])
    header = ["task", "method"]
    for name in (*(f"paper, {target}" for target in TARGETS), *(f"here, {view.target}" for view in views)):
        header += [name, "to prompt tuning"]
    return make_table("Beside the paper's numbers", header, rows, notes=_explain(views, own), key="paper", names=2)


def _write_printed(printed: dict[tuple[str, str, Arm], float], task: str, target: str, arm: Arm) -> tuple[str, str]:
    value, base = printed.get((task, target, arm)), printed.get((task, target, TUNED))
    gap = "-" if value is None or base is None or arm == TUNED else write_points(value - base)
    return write_share(value), gap


def _write_own(view: View, task: str, arm: Arm) -> tuple[str, str]:
    """Return an accuracy and its difference to prompt tuning on the tasks and seeds that both have."""
    tasks = view.tasks if task == AVERAGE else [task]
    values = {name: found for name in tasks if (found := view.list_values(arm, name))}
    if not values:
        return "-", "-"
    few = f" ({len(values)} of {len(tasks)} tasks)" if len(values) < len(tasks) else ""
    mine, base = view.pick_pairs(arm), view.pick_pairs(TUNED)
    gaps: dict[str, list[float]] = {}
    for name, seed in mine:
        if (name, seed) in base and name in tasks:
            gaps.setdefault(name, []).append(mine[name, seed] - base[name, seed])
    gap = write_points(mean_over_groups(gaps)) if gaps and arm != TUNED else "-"
    return f"{write_share(fmean(fmean(found) for found in values.values()))}{few}", gap


def _explain(views: list[View], own: list[str]) -> list[str]:
    sizes = "; ".join(f"{view.target}: {view.size}" for view in views if view.size)
    return [
        "Accuracy in percent, and differences to prompt_tuning in points, within each column's own model.",
        "The models differ: the paper's targets are T5-large and Flan-T5-large (770M), its generator is CTRL (1.6B), "
        f"with 16 shots and 5 seeds; here {sizes}. Only the signs and the order of differences can be compared.",
        f"Averages: the paper's over QQP, MRPC, MNLI, SNLI, QNLI, RTE and SICK; here over {', '.join(own)}.",
        "The paper prints no deviations. Its ppt has a larger target (T5-XXL by its number of parameters), and its "
        "spot starts from large labelled sets of other tasks. On RTE its Flan-T5 rows of zero_shot, in_context and "
        "prompt_tuning lie below chance, most likely by swapped label words.",
    ]
