"""The page of a gradient study: sentences, then histograms, curves, tables and the examples that oppose most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from dawgen.evaluate.gradients.charts import average_steps, draw_histogram, draw_steps
from dawgen.evaluate.gradients.examples import UNREADABLE, Drawn, list_worst
from dawgen.evaluate.gradients.runs import Watched
from dawgen.evaluate.gradients.tables import (
    TITLES,
    list_accuracy,
    list_conflict,
    list_detectors,
    list_kinds,
    list_parts,
)
from dawgen.report.table.core import Table
from dawgen.report.table.layout import Layout, lay_out
from dawgen.report.templates import make_environment

WORST = 12  # examples shown
CONTROLS = ("synthetic", "second_real", "shuffled", "random")


def render_gradients(watched: Sequence[Watched], found: Mapping[str, Any]) -> str:
    """Return one HTML page without outside resources; found: what gradients.json holds."""
    detectors = [list_kinds(found), *(list_detectors(found, name) for name in TITLES)]
    sections = {
        "conflict": _lay_out(list_conflict(found, name) for name in TITLES),
        "phases": _lay_out(list_parts(found, name, "phase") for name in TITLES),
        "labels": _lay_out(list_parts(found, name, "label") for name in TITLES),
        "detectors": _lay_out(detectors),
        "accuracy": _lay_out([list_accuracy(found)]),
    }
    page = make_environment().get_template("gradients.html.j2")
    return page.render(
        found=found,
        facts=list_facts(found),
        warnings=list_warnings(found),
        tables=sections,
        histograms=draw_histograms(found),
        curves=draw_all_steps(watched),
        worst=pick_worst(watched),
    )


def list_facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was trained, as names and texts."""
    surgery = found["surgery"]
    return [
        ("task", found["task"]),
        ("target", found["target"]),
        ("seeds", ", ".join(map(str, found["seeds"]))),
        ("real rows per label", str(found["shots"])),
        ("synthetic rows", ", ".join(f"{rows:,}" for rows in dict.fromkeys(found["synthetic_rows"]))),
        ("steps", f"{found['steps']} of {found['batch_size']} + {found['batch_size']} rows"),
        ("surgery", f"{surgery['rule']} by {surgery['granularity']}, epsilon {surgery['epsilon']:g}"),
    ]


def list_warnings(found: Mapping[str, Any]) -> list[str]:
    """Return a note for each training whose predictions are not those of the run itself."""
    return [
        f"{name}, seed {seed}: the run's own predictions did not come out again (other versions, machine, threads or "
        "data since then), so the numbers are of this training"
        for name, values in found["reproduced"].items()
        for seed, value in zip(found["seeds"], values, strict=True)
        if value is False
    ]


def draw_histograms(found: Mapping[str, Any]) -> dict[str, Markup]:
    """Return the cosines of rows beside their controls, and before and after surgery."""
    before, after = (found["trainings"][name]["histogram"]["shares"] for name in TITLES)
    charts = {
        f"cos of rows, {TITLES['paired']}": {name: before[name] for name in CONTROLS if name in before},
        f"before and after surgery, {TITLES['dawgen']}": {name: after[name] for name in ("synthetic", "after")},
    }
    return {
        title: Markup(draw_histogram(shares, key=f"h{number}", title=title))  # our own drawing
        for number, (title, shares) in enumerate(charts.items())
    }


def draw_all_steps(watched: Sequence[Watched]) -> dict[str, Markup]:
    """Return conflict of rows, cos of batches and norms over the steps, means over the runs."""
    runs = {name: [run.trainings[name].steps for run in watched] for name in TITLES}
    charts = (
        ("rows in conflict", "paired", "conflict", CONTROLS, "%", True),
        ("rows in conflict", "dawgen", "conflict", ("synthetic", "second_real", "after"), "%", True),
        ("cos of batches", "paired", "batch_cos", CONTROLS, "cos", False),
        ("norm of rows' gradients", "paired", "norm", CONTROLS, "norm", False),
    )
    drawn = {}
    for number, (what, name, measure, groups, label, percent) in enumerate(charts):
        there = [group for group in groups if group in runs[name][0][0].groups]
        series = {group: average_steps(runs[name], group, measure) for group in there}
        title = f"{what}, {TITLES[name]}"
        drawn[title] = Markup(draw_steps(series, key=f"s{number}", title=title, label=label, percent=percent))
    return drawn


def pick_worst(watched: Sequence[Watched]) -> list[dict[str, Any]]:
    """Return the examples with the lowest mean cos over all runs, trained without surgery."""
    owners = {id(one): run.job.config.seed for run in watched for one in run.trainings["paired"].drawn}
    worst = list_worst((one for run in watched for one in run.trainings["paired"].drawn), WORST)
    return [_show(one, owners[id(one)]) for one in worst]


def _show(one: Drawn, seed: int) -> dict[str, Any]:
    if one.oracle is None:
        verdict = ""
    elif one.oracle == UNREADABLE:
        verdict = "no sentence of the grammar"
    else:
        verdict = "label right" if one.oracle == one.example.label else f"truly {one.oracle}"
    return {
        "text1": one.example.text1,
        "text2": one.example.text2,
        "label": one.example.label,
        "verdict": verdict,
        "wrong": one.kind not in (None, "right"),
        "cos": one.cos,
        "drawn": one.drawn,
        "conflict": one.conflict,
        "loss": one.loss,
        "place": f"row {one.row}, seed {seed}",
    }


def _lay_out(tables: Iterable[Table | None]) -> list[Layout]:
    return [lay_out(table) for table in tables if table is not None]
