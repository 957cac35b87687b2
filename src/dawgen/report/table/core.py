"""A table without a format: the page, Markdown, LaTeX and CSV are all written from the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dawgen.notebook import show_table


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `bold` says that a difference is significant, never only that a number is the largest."""

    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table in plain text.

    key: short name, unique within a grid, letters, digits and hyphens only (file name, anchor); header: one text per
    column; rows: one cell per column; notes: sentences that belong below it; names: how many columns from the left
    hold names (all others hold numbers, aligned right).
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]
    key: str
    names: int = 1

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows = [[cell.text for cell in row] for row in self.rows]
        return show_table(self.title, self.header, rows, notes=self.notes, names=self.names)


def make_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Cell | str]],
    *,
    key: str,
    notes: Sequence[str] = (),
    names: int = 1,
) -> Table:
    """Return a table; texts become plain cells. Every row must have a cell for each column."""
    cells = tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    for row in cells:
        if len(row) != len(header):
            raise ValueError(f"{key}: expected {len(header)} cells in a row, got {len(row)}.")
    return Table(title, tuple(header), cells, tuple(notes), key, names)
