"""The tables of the gradient study, from what gradients.json holds: for the page, and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dawgen.evaluate.gradients.numbers import Estimate
from dawgen.evaluate.gradients.sentences import GROUPS, clip_interval, excludes_zero
from dawgen.report.table.core import Cell, Table, make_table
from dawgen.report.table.text import write_points, write_share
from dawgen.stats import show_p

TITLES = {"paired": "without surgery (paired)", "dawgen": "with surgery (dawgen)"}
DETECTORS = {
    "cos": "cos with the real gradient, low",
    "projection": "cos times norm, low",
    "loss": "loss, high",
    "norm": "norm of its gradient, high",
    "posterior": "generator's posterior, low",
}
KINDS = {"right": "label right", "mislabelled": "label wrong", "unreadable": "no sentence of the grammar"}


def list_conflict(found: Mapping[str, Any], training: str) -> Table:
    """Return conflict, cos, norm and loss of every group of rows in one training."""
    part = found["trainings"][training]
    rows = []
    for group, name in GROUPS.items():
        if group not in part["groups"] or (group == "after" and training == "paired"):
            continue
        values = part["groups"][group]
        rows.append(
            [
                name,
                _percent(values["conflict"]),
                _points(part["excess"]["conflict"].get(group)),
                _number(values["cos"], -1),
                _percent(values["batch_conflict"]),
                _points(part["excess"]["batch_conflict"].get(group)),
                _number(values["batch_cos"], -1),
                "-" if values["norm"]["mean"] is None else f"{values['norm']['mean']:.3g}",
            ]
        )
    header = ["rows", "rows in conflict %", "synthetic minus this", "cos of rows", "batches in conflict %"]
    header += ["synthetic minus this, batches", "cos of batches", "norm of rows"]
    notes = [
        f"Conflict: cos below 0 with the gradient of the step's real batch. Intervals: {found['intervals']}. Bold: a "
        f"difference whose interval leaves out 0. Second real batch: {found['second_real']}, of the real batch's size."
    ]
    return make_table(f"Conflict {TITLES[training]}", header, rows, key=f"conflict-{training}", notes=notes)


def list_parts(found: Mapping[str, Any], training: str, by: str) -> Table:
    """Return the share of rows in conflict by `phase` (third of the training) or by `label`."""
    parts = found["trainings"][training][f"by_{by}"]
    shown = [group for group in GROUPS if group in parts and (group != "after" or training == "dawgen")]
    names = list(parts["synthetic"])
    rows = [[GROUPS[group], *(_percent(parts[group][name]["conflict"]) for name in names)] for group in shown]
    if by == "phase":
        for group in ("synthetic", "second_real"):
            if group in parts:
                shares = (_percent(parts[group][name]["batch_conflict"]) for name in names)
                rows.append([f"whole batches: {GROUPS[group]}", *shares])
    if by == "phase" and training == "dawgen":
        removed = found["trainings"][training]["removed_by_phase"]
        rows.append(["removed share of the synthetic gradient", *(_percent(removed[name]) for name in names)])
    what = "third of the training" if by == "phase" else "label"
    title = f"In conflict (%) by {what}, {TITLES[training]}"
    return make_table(title, ["rows", *names], rows, key=f"{by}-{training}")


def list_kinds(found: Mapping[str, Any]) -> Table | None:
    """Return conflict of rightly and wrongly labelled rows, None where no oracle knows them."""
    known = {name: part["examples"] for name, part in found["trainings"].items() if part["examples"] is not None}
    if not known:
        return None
    first = next(iter(known.values()))
    rows = [
        [text, str(sum(run[kind] for run in first["examples"])), *(_percent(known[n]["conflict"][kind]) for n in known)]
        for kind, text in KINDS.items()
    ]
    header = ["what the oracle says", "examples", *(f"draws in conflict %, {TITLES[name]}" for name in known)]
    return make_table("Draws in conflict by what the oracle says", header, rows, key="kinds")


def list_detectors(found: Mapping[str, Any], training: str) -> Table | None:
    """Return the AUC of each detector of wrong labels, None where no oracle knows them."""
    part = found["trainings"][training]["examples"]
    if part is None:
        return None
    rows: list[list[Cell | str]] = [
        [
            DETECTORS[name],
            _number(value, 0),
            _number(part["auc_within_labels"][name], 0),
            "-" if name == "cos" else _gap(part["ahead"][name]),
        ]
        for name, value in part["auc"].items()
    ]
    header = ["detector", "AUC", "AUC within labels", "cos minus this"]
    several = len(part["examples"]) > 1
    over = "over the runs (Student's)" if several else "over the examples of this run (bootstrap)"
    notes = [f"0.5 is guessing, 1 finds every wrong label first. Unreadable rows are left out. 95 % {over}."]
    return make_table(
        f"Who finds wrong labels, {TITLES[training]}", header, rows, key=f"detectors-{training}", notes=notes
    )


def list_accuracy(found: Mapping[str, Any]) -> Table | None:
    """Return both accuracies of each run, None without test rows."""
    if found["accuracy"] is None:
        return None
    rows = [
        [
            str(run["seed"]),
            write_share(run["paired"]),
            write_share(run["dawgen"]),
            write_points(run["change"]),
            f"{run['won']} / {run['lost']}",
            show_p(run["p"]),
        ]
        for run in found["accuracy"]["runs"]
    ]
    header = ["seed", "paired %", "dawgen %", "change", "rows won / lost", "McNemar p"]
    return make_table("Accuracy without and with surgery", header, rows, key="accuracy")


def list_tables(found: Mapping[str, Any]) -> list[Table]:
    """Return every table that has something to show."""
    tables = [list_accuracy(found)]
    tables += [list_conflict(found, name) for name in found["trainings"]]
    tables += [list_parts(found, name, by) for by in ("phase", "label") for name in found["trainings"]]
    tables += [list_kinds(found), *(list_detectors(found, name) for name in found["trainings"])]
    return [table for table in tables if table is not None]


def _percent(value: Estimate) -> str:
    if value["mean"] is None:
        return "-"
    return write_share(value["mean"]) + _interval(value, write_share, 0)


def _points(value: Estimate | None) -> Cell | str:
    if value is None or value["mean"] is None:
        return "-"
    return Cell(write_points(value["mean"]) + _interval(value, write_points, -1), bold=excludes_zero(value))


def _number(value: Estimate, least: int) -> str:
    """Write a number between `least` and 1 with two digits and its interval."""
    return "-" if value["mean"] is None else f"{value['mean']:z.2f}" + _interval(value, "{:z.2f}".format, least)


def _gap(value: Estimate) -> Cell:
    text = "-" if value["mean"] is None else f"{value['mean']:+z.2f}" + _interval(value, "{:+z.2f}".format, -1)
    return Cell(text, bold=excludes_zero(value))


def _interval(value: Estimate, write: Callable[[float], str], least: int) -> str:
    low, high = value["low"], value["high"]
    if low is None or high is None:
        return ""
    low, high = clip_interval(low, high, least, 1)
    return f" [{write(low)}, {write(high)}]"
