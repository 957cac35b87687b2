"""The layout of a table in the page: rows under headings, long names cut, intervals on a line of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from dawgen.report.grid.arms import GENERATORS, name_family
from dawgen.report.table.core import Cell, Table

_INTERVAL = re.compile(r"(?P<value>.+?) (?P<interval>\[[^\]]*\])(?P<count> \(\d+\))?")
T = TypeVar("T")
FEW = 6  # tables up to this many rows are read at once, without headings


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell in the page; `small` is an interval below the number."""

    text: str
    small: str
    bold: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading; "" is no heading."""

    title: str
    rows: list[list[Shown]]


@dataclass(frozen=True, slots=True)
class Layout:
    """A table for the template. names: how many columns from the left hold names."""

    table: Table
    header: tuple[str, ...]
    names: int
    groups: list[Group]


def lay_out(table: Table) -> Layout:
    """Return the table under headings: the family of its methods, or what its first column repeats."""
    drop = _find_constant(table)
    header = _leave_out(table.header, drop)
    rows = [_leave_out(row, drop) for row in table.rows]
    names, firsts = table.names - len(drop), [row[0].text for row in rows]
    if header[0] == "method" and len(firsts) > FEW and len({name_family(name) for name in firsts}) > 1:
        groups = [
            Group(title, [[_show(_shorten(row[0])), *map(_show, row[1:])] for row in some])
            for title, some in groupby(rows, key=lambda row: name_family(row[0].text))
        ]
    elif 1 < names < len(header) and (header[0] == "task" or len(set(firsts)) < len(firsts)):
        groups = [
            Group(title, [[_show(cell) for cell in row[1:]] for row in some])
            for title, some in groupby(rows, key=lambda row: row[0].text)
        ]
        header, names = header[1:], names - 1
    else:
        groups = [Group("", [[_show(cell) for cell in row] for row in rows])]
    return Layout(table, header, names, groups)


def _find_constant(table: Table) -> set[int]:
    """Return the column that names the baseline of a comparison, if it is the same in every row and in the title."""
    others = {row[table.header.index("against")].text for row in table.rows} if "against" in table.header else set()
    return {table.header.index("against")} if len(others) == 1 and others.pop() in table.title else set()


def _leave_out(cells: tuple[T, ...], columns: set[int]) -> tuple[T, ...]:
    return tuple(cell for column, cell in enumerate(cells) if column not in columns)


def _shorten(cell: Cell) -> Cell:
    """Remove from an arm's name what the heading says already: "fewgen/paired/pcgrad" to "paired / pcgrad"."""
    method, *rest = cell.text.split("/")
    if method not in GENERATORS:
        return cell
    return Cell(" / ".join(rest) if rest else "paired / project", cell.bold)


def _show(cell: Cell) -> Shown:
    found = _INTERVAL.fullmatch(cell.text)
    if found is None:
        return Shown(cell.text, "", cell.bold)
    return Shown(found["value"] + (found["count"] or ""), found["interval"], cell.bold)
