"""The columns of the output: those of the input, unchanged, then those that are added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from dawgen.deploy.predict.source import Kinds
from dawgen.deploy.predict.what import ADDED
from dawgen.errors import DataError

PREFIX = "given_"  # of input columns that have the names of added ones


def name_columns(columns: Iterable[str], source: str, added: Sequence[str] = ADDED) -> dict[str, str]:
    """Return the output's name of every input column: its own, but given_label for a label that came with the input.

    Raises DataError where the input has that name too.
    """
    names = list(columns)
    renamed = {name: PREFIX + name if name in added else name for name in names}
    for old, new in renamed.items():
        if new != old and new in names:
            raise DataError(
                f"{source}: expected columns other than both {old!r} and {new!r}: the prediction goes into {old!r}.\n"
                "Rename or drop one of them."
            )
    return renamed


def check_kinds(kinds: Kinds, ending: str, source: str) -> None:
    """Raise DataError for a column that a kind of file cannot hold."""
    for name, kind in kinds.items():
        if kind == "mixed" and ending == ".parquet":
            raise DataError(
                f"{source}: expected one kind of value in column {name!r} for Parquet, found several.\n"
                "Name an --out that ends in .jsonl."
            )


def as_plain(value: Any) -> Any:
    """Return a value that JSON can hold: other types become their text, NaN and infinity become null."""
    if isinstance(value, float) and not (-float("inf") < value < float("inf")):
        return None
    if isinstance(value, dict):
        return {str(key): as_plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def as_cell(value: Any) -> Any:
    """Return a value as a cell of a table: lists and objects as their JSON."""
    return json.dumps(as_plain(value), ensure_ascii=False) if isinstance(value, list | dict | tuple) else value
