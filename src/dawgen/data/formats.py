"""Files to records that know their line: JSON Lines, JSON, CSV, TSV, plain text (each also gzipped) and Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dawgen.columns import Columns
from dawgen.data.delimited import check_names, read_delimited
from dawgen.data.lines import UTF8, find_encoding, iterate_lines
from dawgen.data.objects import read_json_lines
from dawgen.data.remarks import Remarks
from dawgen.errors import DataError, first_line

# A Parquet file may be a single row group of any size; this much of it is in memory at a time.
BUFFER = 1 << 20  # bytes of each column
BATCH = 4096  # rows

_AS_FOUND = Columns()


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file, unchanged, and its place: `train.csv:7`, or for Parquet `train.parquet row 6`."""

    fields: dict[str, Any]
    where: str


@dataclass(frozen=True, slots=True)
class Table:
    """The records of a file or dataset; `names` are the class names that a column of numbers stands for, if any."""

    records: Iterator[Record]
    names: dict[str, list[str]] = field(default_factory=dict)


def is_readable(path: Path) -> bool:
    """Return whether the file's name has a known ending."""
    return _suffix(path) in _READERS


def read_table(path: Path, columns: Columns = _AS_FOUND, remarks: Remarks | None = None) -> Table:
    """Return the file's records, in order. columns: how it is written, where it is to be said. remarks: gets notes.

    Raises DataError, at once or while the records are read: unknown kind of file, wrong encoding or compression, text
    that is not JSON, a record that is not an object, equal names, a CSV row of the wrong width.
    """
    if not is_readable(path):
        kinds = ", ".join(f".{kind}" for kind in _READERS)
        raise DataError(
            f"{path}: expected a file that ends in {kinds} (the first six also with .gz).\nConvert or rename it."
        )
    return _READERS[_suffix(path)](path, columns, Remarks() if remarks is None else remarks)


def _suffix(path: Path) -> str:
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    kind = plain.rpartition(".")[2]
    return name if kind == "parquet" and plain != name else kind  # Parquet compresses itself


def _read_objects(path: Path, columns: Columns, remarks: Remarks) -> Table:
    return Table(_make_records(path, columns, remarks, read_json_lines(path, columns)))


def _read_plain(path: Path, columns: Columns, remarks: Remarks) -> Table:
    lines = enumerate(iterate_lines(path, "", columns.encoding), start=1)
    rows = (({"text1": line.rstrip("\r\n")}, f"{path}:{number}") for number, line in lines if line.strip())
    return Table(_make_records(path, columns, remarks, rows))


def _read_cells(path: Path, columns: Columns, remarks: Remarks, plain: str) -> Table:
    return Table(_make_records(path, columns, remarks, read_delimited(path, plain, columns, remarks)))


def _make_records(
    path: Path, columns: Columns, remarks: Remarks, rows: Iterator[tuple[dict[str, Any], str]]
) -> Iterator[Record]:
    """Yield a text file's rows as records; then its encoding is noted where the file alone has said it."""
    for fields, where in rows:
        yield Record(fields, where)
    if columns.encoding is None and (found := find_encoding(path)) != UTF8:
        remarks.note(f"{path}: read as {found.upper()}")


def _read_parquet(path: Path, columns: Columns, remarks: Remarks) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER)
        schema = file.schema_arrow
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: expected a Parquet file: {first_line(error)}") from error
    check_names(schema.names, str(path))
    return Table(_iterate_parquet(file, path), _class_names(schema.metadata or {}))


def _iterate_parquet(file: Any, path: Path) -> Iterator[Record]:
    import pyarrow

    number = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH):
            for fields in batch.to_pylist():
                number += 1
                yield Record(fields, f"{path} row {number}")
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path} row {number + 1}: expected whole pages and values that Python holds: {first_line(error)}\n"
            "Copy the file again, or write it anew."
        ) from error


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the class names that Hugging Face datasets writes into the Parquet files that it makes."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {
            column: [str(name) for name in kind["names"]]
            for column, kind in features.items()
            if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"
        }
    except (ValueError, LookupError, TypeError, AttributeError):  # not there, or another's
        return {}


_READERS: dict[str, Callable[[Path, Columns, Remarks], Table]] = {
    "jsonl": _read_objects,
    "ndjson": _read_objects,
    "json": _read_objects,
    "csv": partial(_read_cells, plain=","),
    "tsv": partial(_read_cells, plain="\t"),
    "txt": _read_plain,
    "parquet": _read_parquet,
}
