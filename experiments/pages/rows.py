"""Rows of an experiment as a CSV file: one dataclass, one column for each of its fields."""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path
from typing import TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter

from dawgen.files import write_text

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
