"""Rows of an experiment as a CSV file: one dataclass, one column for each of its fields."""

import argparse
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter

from dawgen.files import write_text
from dawgen.report.grid.files import GridRow, read_grid

Row = TypeVar("Row")


def write_rows(path: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write rows of a dataclass, numbers with a fraction in four decimals, None as nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([field.name for field in fields(kind)])  # type: ignore[arg-type]
    for row in rows:
        values = astuple(row)  # type: ignore[call-overload]
        writer.writerow([round(value, 4) if isinstance(value, float) else value for value in values])
    write_text(path, table.getvalue())


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read rows of a dataclass by the types of its fields; nothing is None in a field that may be None."""
    empty = {name for name, hint in get_type_hints(kind).items() if type(None) in get_args(hint)}
    with path.open(newline="", encoding="utf-8") as stream:
        lines = [
            {name: None if value == "" and name in empty else value for name, value in line.items()}
            for line in csv.DictReader(stream)
        ]
    return TypeAdapter(list[kind]).validate_python(lines)  # type: ignore[valid-type]


def read_cells(folders: Iterable[Path]) -> Iterator[tuple[str, GridRow]]:
    """Yield the name of each grid with each of its finished cells."""
    for grid in map(read_grid, folders):
        yield from ((grid.name, row) for row in (*grid.rows, *grid.variants))


def read_prompts(folders: Iterable[Path], setting: str) -> list[GridRow]:
    """Return the finished cells that train something and whose only swept setting is this one, or none."""
    return [row for _, row in read_cells(folders) if row.schedule and set(row.sweep) <= {setting}]


def add_rows(known: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Return the known rows, those of the same cell replaced by new ones, then the other new ones.

    A cell is named by a row's texts and its seed.
    """
    cells = {_name_cell(row): row for row in known}
    cells |= {_name_cell(row): row for row in new}
    return list(cells.values())


def _name_cell(row: object) -> tuple[object, ...]:
    values = asdict(row)  # type: ignore[call-overload]
    return tuple(value for name, value in values.items() if name == "seed" or isinstance(value, str))


def read_options(arguments: Sequence[str] | None, about: str) -> argparse.Namespace:
    """Return grids, csv and into: the options of a page whose rows come from grids by way of a CSV file."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", nargs="+", type=Path, default=[], help="folders of dawgen bench")
    parser.add_argument("--csv", type=Path, required=True, help="written with --grids, else read")
    parser.add_argument("--add", action="store_true", help="keep the rows of --csv that the grids do not have")
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    return parser.parse_args(arguments)
