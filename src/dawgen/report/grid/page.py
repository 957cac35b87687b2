"""The page of a grid: its tables and charts, section by section. A pure function of results.json."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dawgen.errors import ConfigError
from dawgen.report.grid.arms import shorten_name
from dawgen.report.grid.charts import Part, list_confusions, list_dots, list_samples, list_size_charts, list_training
from dawgen.report.grid.files import Grid, read_grid
from dawgen.report.grid.items import warn_of_optimism
from dawgen.report.grid.paper import compare_with_paper
from dawgen.report.grid.tables import make_tables
from dawgen.report.grid.view import list_targets, make_view
from dawgen.report.table.core import Table
from dawgen.report.table.layout import Layout, lay_out
from dawgen.report.templates import make_environment

MANY = 8  # kinds of cells' warnings that the page lists
# key (the first word of the tables' keys), title, what to know before reading
SECTIONS = (
    ("main", "Methods", "In the charts: mean over seeds, 95 % interval of that mean as a line, each seed as a stroke."),
    ("f1", "Macro-F1", ""),
    ("variants", "Sets and settings", "What else the grid was tried with; no other section holds these rows."),
    ("paper", "Beside the paper", ""),
    ("ablation", "Ablation", "What each part of the method adds: the set alone, real examples in each step, surgery."),
    ("combination", "Combining real and synthetic data", ""),
    ("surgery", "Surgery rules", ""),
    (
        "sizes",
        "Learning curves",
        "Vertical lines: 95 % intervals over seeds. Points of one size stand beside each other.",
    ),
    ("significance", "Significance", "How sure the differences are over tasks and seeds."),
    (
        "items",
        "Item uncertainty",
        "Which test rows were drawn: kept apart from the intervals over seeds, with which it must not be mixed.",
    ),
    ("dev", "Choices made on the dev set", ""),
    (
        "confusion",
        "Confusion matrices",
        "Rows are gold labels, columns predicted ones: test rows summed over seeds, with their share of the row, which "
        "is the shade.",
    ),
    (
        "training",
        "Training curves",
        "Means over seeds of at most 15 windows of each log. A line ends where a seed's log does.",
    ),
    (
        "sets",
        "Synthetic sets",
        "Samples are the first of each label in the set of the first seed, as curation kept them.",
    ),
    ("cost", "Environment and cost", ""),
    ("failed", "Failed cells", ""),
)
PLACES = {"shots": "sizes", "multiples": "sizes"}  # of tables whose keys begin otherwise than their section's


@dataclass(slots=True)
class Section:
    """One section of the page; without tables, facts and parts it is left out."""

    key: str
    title: str
    intro: str
    tables: list[Layout] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


def render_grid(folder: Path, *, compare: str | None = None, baseline: str | None = None) -> str:
    """Return one HTML page about a grid: no outside resources, the same results.json gives the same bytes.

    compare: "paper" sets the paper's published numbers beside the grid's; baseline: the arm that differences are taken
    to, in place of the grid's own.
    Raises DataError without results.json or for a damaged one, ConfigError for an unknown comparison or arm.
    """
    grid = load_grid(folder, baseline=baseline)
    return render_tables(grid, list_tables(grid, compare=compare))


def load_grid(folder: Path, *, baseline: str | None = None) -> Grid:
    """Return a grid's results, with another baseline if one is named. Raises as `render_grid` does."""
    grid = read_grid(folder)
    if baseline is None:
        return grid
    known = list(dict.fromkeys(row.arm.name for row in sorted(grid.rows, key=lambda row: row.arm.place)))
    if shorten_name(baseline) not in known:
        raise ConfigError(
            f"--baseline {baseline}: expected an arm of the grid: {', '.join(known) or 'it has none yet'}."
        )
    return replace(grid, baseline=baseline)


def list_tables(grid: Grid, *, compare: str | None = None) -> list[Table]:
    """Return all tables of the page, in its order. Raises ConfigError for a comparison other than "paper"."""
    if compare not in (None, "paper"):
        raise ConfigError(f"--compare {compare}: expected paper.")
    paper = [compare_with_paper(grid)] if compare else []
    tables = [*make_tables(grid), *(table for table in paper if table.rows)]
    order = [key for key, _, _ in SECTIONS]
    return sorted(tables, key=lambda table: order.index(_find_section(table)))


def render_tables(grid: Grid, tables: Sequence[Table]) -> str:
    """Return the page of a grid that was read already, with these tables of it."""
    sections = {key: Section(key, title, intro) for key, title, intro in SECTIONS}
    for table in tables:
        sections[_find_section(table)].tables.append(lay_out(table))
    views = [make_view(grid, target) for target in list_targets(grid)]
    sections["main"].parts = list_dots(views)
    sections["sizes"].parts = list_size_charts(grid)
    sections["confusion"].parts = list_confusions(grid, views)
    sections["training"].parts = list_training(views)
    sections["sets"].parts = list_samples(grid)
    sections["cost"].facts = _list_environment(grid)
    shown = [section for section in sections.values() if section.tables or section.facts or section.parts]
    return (
        make_environment()
        .get_template("grid.html.j2")
        .render(name=grid.name, facts=_list_facts(grid), warnings=_list_warnings(grid), sections=shown)
    )


def _find_section(table: Table) -> str:
    key = table.key.split("-")[0]
    return PLACES.get(key, key)


def _list_facts(grid: Grid) -> list[tuple[str, str]]:
    seeds = sorted({row.seed for row in grid.rows})
    return [
        ("tasks", ", ".join(dict.fromkeys(row.task for row in grid.rows))),
        ("targets", ", ".join(_name_target(grid, target) for target in list_targets(grid))),
        ("methods", str(len({row.arm for row in grid.rows}))),
        ("seeds", ", ".join(map(str, seeds))),
        ("baseline", shorten_name(grid.baseline)),
        ("finished cells", f"{len(grid.rows)} tested, {len(grid.sets)} synthetic sets"),
        ("failed cells", str(len(grid.failed))),
    ]


def _name_target(grid: Grid, target: str) -> str:
    """Return the target's name with the quantisation of its weights, if any."""
    rows = (*grid.rows, *grid.variants)
    kinds = {row.quantisation for row in rows if row.target == target and row.quantisation}
    return f"{target} ({', '.join(sorted(kinds))})" if kinds else target


def _list_environment(grid: Grid) -> list[tuple[str, str]]:
    """Return versions and machine, and the hours in all."""
    facts = [(name.replace("_", " "), str(value)) for name, value in grid.environment.items() if value is not None]
    tested, sets = sum(row.seconds for row in grid.rows), sum(one.seconds for one in grid.sets)
    if grid.rows:
        facts.append(("hours of all cells", f"{tested / 3600:.2f} for training and tests, {sets / 3600:.2f} for sets"))
    return facts


def _list_warnings(grid: Grid) -> list[str]:
    """Return what a reader must know first: failed cells, optimistic dev scores, warnings of cells."""
    found = [_capitalise(text.removeprefix("Warning: ")) for text in warn_of_optimism(grid)]
    if grid.failed:
        cells = "1 cell" if len(grid.failed) == 1 else f"{len(grid.failed)} cells"
        found.insert(0, f"{cells} failed; the last section says why. All numbers are without them.")
    kinds: dict[str, list[str]] = {}  # by the text without its numbers, which differ from cell to cell
    for text in (warning for row in grid.rows for warning in row.warnings):
        kinds.setdefault(re.sub(r"\d[\d.,]*", "", text), []).append(text)
    often = sorted(kinds.values(), key=len, reverse=True)
    found += [texts[0] if len(texts) == 1 else f"{texts[0]} ({len(texts)} cells alike)" for texts in often[:MANY]]
    if len(often) > MANY:
        found.append(f"{len(often) - MANY} more kinds of warnings stand in results.json.")
    return found


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]
