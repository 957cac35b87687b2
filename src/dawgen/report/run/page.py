"""Builds the page: run files to tables and plots, and those into the template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from dawgen.files import write_text
from dawgen.report.plots import Curve, draw_curves
from dawgen.report.run import numbers as tables
from dawgen.report.run.chances import draw_reliability, draw_risk
from dawgen.report.run.files import Fields, RunFiles, read_run
from dawgen.report.run.tables import list_chances, list_cost, list_environment
from dawgen.report.table.layout import lay_out
from dawgen.report.templates import make_environment

SAMPLES = 5  # kept examples shown per label
DROPPED = 3  # dropped examples shown per reason


def render_report(run_folders: Sequence[Path]) -> str:
    """Return one HTML page about the runs: no outside resources, the same files give the same bytes.

    Raises DataError for a folder without metrics.json or with a damaged file.
    """
    runs = [read_run(Path(folder)) for folder in run_folders]
    sections = [describe_run(run, f"r{number}") for number, run in enumerate(runs)]
    joined = tables.join_runs(runs) if len(runs) > 1 else []
    return make_environment().get_template("page.html.j2").render(sections=sections, joined=joined)


def write_report(run_folders: Sequence[Path], out: Path) -> None:
    """Write the page of `render_report`."""
    write_text(out, render_report(run_folders))


def describe_run(run: RunFiles, key: str) -> Fields:
    """Return what the template shows of one run; `key` makes its ids unique in the page."""
    metrics, config = run.metrics, run.config
    dropped_labels, dropped_counts = tables.count_dropped(run.dropped)
    cost, chances = list_cost(run, f"-{key}"), list_chances(run, f"-{key}")
    kept = tables.place_by(run.kept, "label")
    by_reason = tables.place_by(run.dropped, "reason")
    return {
        "key": key,
        "name": run.name,
        "metrics": metrics,
        "config": config,
        "methods": tables.list_methods(metrics),
        "confusions": tables.list_confusions(metrics),
        "generators": [
            {"name": name, **numbers.model_dump()}
            for name, numbers in metrics.generators.items()
            if numbers.label_fidelity is not None
        ],
        "losses": draw_losses(run.log, key),
        "surgery": draw_surgery(run.log, key),
        "tuning": draw_tuning(run.log, key),
        "kept": {
            label: {"count": len(places), "rows": [run.kept[place] for place in tables.pick_evenly(places, SAMPLES)]}
            for label, places in kept.items()
        },
        "dropped_labels": dropped_labels,
        "dropped": [
            {**row, "rows": [run.dropped[place] for place in tables.pick_evenly(by_reason[row["reason"]], DROPPED)]}
            for row in dropped_counts
        ],
        "environment": list_environment(config),
        "cost": lay_out(cost) if cost.rows else None,
        "chances": lay_out(chances) if chances.rows else None,
        "reliability": draw_reliability(run.answers, key),
        "risk": draw_risk(run.answers, key),
    }


def draw_losses(log: Sequence[Fields], key: str) -> dict[str, Markup]:
    """Return a plot of the losses on real and synthetic data for each trained method."""
    fields = {"loss_real": "real", "loss_synthetic": "synthetic"}
    rows = tables.group_by([row for row in log if row.get("stage") == "target"], "method")
    return _draw_all(rows, fields, f"{key}-loss", "loss")


def draw_surgery(log: Sequence[Fields], key: str) -> dict[str, Markup]:
    """Return a plot of cosine, conflict rate and removed share for each method that pairs real and synthetic data."""
    fields = {"cos": "cos(real, synthetic)", "conflict": "conflict rate", "removed": "removed share"}
    rows = tables.group_by([row for row in log if row.get("stage") == "target"], "method")
    return _draw_all(rows, fields, f"{key}-cos", "", zero=True)


def draw_tuning(log: Sequence[Fields], key: str) -> dict[str, Markup]:
    """Return a plot of the generator's losses for each kind that was tuned."""
    fields = {"nll": "negative log-likelihood", "disc_loss": "discriminative loss", "align": "alignment"}
    rows = tables.group_by([row for row in log if row.get("stage") == "generator"], "kind")
    return _draw_all(rows, fields, f"{key}-tune", "loss")


def _draw_all(
    groups: dict[str, list[Fields]], fields: dict[str, str], key: str, label: str, *, zero: bool = False
) -> dict[str, Markup]:
    plots = {}
    for number, (group, rows) in enumerate(groups.items()):
        curves = [_make_curve(rows, field, name) for field, name in fields.items()]
        curves = [curve for curve in curves if curve.steps]
        if curves:
            # an SVG of our own drawing: method names are its only foreign text, and they stand outside it
            plots[group] = Markup(draw_curves(curves, key=f"{key}{number}", label=label, zero=zero, title=group))
    return plots


def _make_curve(rows: Sequence[Fields], field: str, name: str) -> Curve:
    points = [(row["step"], float(row[field])) for row in rows if row.get(field) is not None and "step" in row]
    yes_or_no = field == "conflict"  # zeros and ones hide every other line; their running mean is the rate
    return Curve(name, [step for step, _ in points], [value for _, value in points], faint=not yes_or_no)
