"""The page about a study: findings, maps, curves and tables. A pure function of the grid's results."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dawgen.bench.gains import Field, Point
from dawgen.evaluate.breakpoints.plots import draw_arm
from dawgen.evaluate.breakpoints.study import COLUMNS, Study, list_points
from dawgen.evaluate.breakpoints.tables import make_tables
from dawgen.evaluate.breakpoints.text import list_cautions, list_sentences
from dawgen.report.grid.arms import Arm
from dawgen.report.table.layout import lay_out
from dawgen.report.table.text import write_points, write_share
from dawgen.report.templates import make_environment

DEEP = 0.25  # the gain, a share, from which a cell has the full colour


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell of a map. shade: 0 to 1. way: "up", "down" or "" where nothing was measured. sure: beyond noise."""

    text: str
    shade: float = 0.0
    way: str = ""
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """Gains of one arm: a row per multiple, a column for each of the shots; base: the baseline's mean accuracy."""

    title: str
    shots: list[int]
    base: list[str]
    rows: list[tuple[int, list[Tile]]]


def render_study(study: Study) -> str:
    """Return one HTML page without outside resources; the same results give the same bytes."""
    targets = []
    for number, one in enumerate(study.fields):
        name = f"{one.task} on {one.target}"
        curves = {
            arm.name: {title: Markup(svg) for title, svg in draw_arm(study, one, arm).items()} for arm in one.arms
        }
        targets.append(
            {
                "key": f"target{number}",
                "title": name,
                "baseline": one.baseline.name,
                "maps": [make_map(study, one, arm) for arm in one.arms],
                "curves": {arm: charts for arm, charts in curves.items() if charts},
                "tables": [lay_out(table) for table in make_tables(study, one)],
            }
        )
    return (
        make_environment()
        .get_template("breakpoints.html.j2")
        .render(
            name=study.grid.name,
            facts=_list_facts(study),
            warnings=list_cautions(study),
            sentences=list_sentences(study),
            targets=targets,
        )
    )


def make_map(study: Study, one: Field, arm: Arm) -> Map:
    """Return the map of an arm's gains."""
    rows = [
        (multiple, [_make_tile(study.get_point(one, arm, shots, multiple), study.least) for shots in one.shots])
        for multiple in one.multiples
    ]
    base = []
    for shots in one.shots:
        values = [row.accuracy for row in one.get_base(shots).values()]
        base.append(write_share(sum(values) / len(values) if values else None))
    return Map(arm.name, one.shots, base, rows)


def format_points(study: Study) -> str:
    """Return all measured gains as breakpoints.csv."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in list_points(study):
        writer.writerow({name: "" if value is None else value for name, value in row.items()})
    return stream.getvalue()


def _make_tile(point: Point | None, least: float) -> Tile:
    if point is None:
        return Tile("-")
    shade = min(1.0, abs(point.mean) / DEEP)
    return Tile(write_points(point.mean), shade, "up" if point.mean > 0 else "down", point.find_way(least) != 0)


def _list_facts(study: Study) -> list[tuple[str, Any]]:
    grid = study.grid
    fields = study.fields
    return [
        ("tasks", ", ".join(dict.fromkeys(one.task for one in fields))),
        ("targets", ", ".join(dict.fromkeys(one.target for one in fields))),
        ("shots per label", ", ".join(map(str, sorted({n for one in fields for n in one.shots})))),
        ("synthetic per real", ", ".join(map(str, [0, *sorted({n for one in fields for n in one.multiples})]))),
        ("seeds", ", ".join(map(str, sorted({row.seed for row in grid.rows})))),
        ("test rows", ", ".join(map(str, sorted({row.n_test for row in grid.rows})))),
        ("finished cells", str(len(grid.rows))),
        ("machine", grid.environment.get("machine", "")),
    ]
