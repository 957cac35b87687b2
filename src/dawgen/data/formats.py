"""Files to records that know their line: JSON Lines, JSON, CSV, TSV, plain text (each also gzipped) and Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dawgen.data.lines import iterate_lines
from dawgen.errors import DataError

# A Parquet file may be a single row group of any size; this much of it is in memory at a time.
BUFFER = 1 << 20  # bytes of each column
BATCH = 4096  # rows


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


def read_table(path: Path) -> Table:
    """Return the file's records, in order.

    Raises DataError, at once or while the records are read: unknown kind of file, wrong encoding or compression, text
    that is not JSON, a record that is not an object, a CSV row of the wrong width.
    """
    if not is_readable(path):
        kinds = ", ".join(f".{kind}" for kind in _READERS)
        raise DataError(
            f"{path}: expected a file that ends in {kinds} (the first six also with .gz).\nConvert or rename it."
        )
    return _READERS[_suffix(path)](path)


def _suffix(path: Path) -> str:
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    kind = plain.rpartition(".")[2]
    return name if kind == "parquet" and plain != name else kind  # Parquet compresses itself


def _parse_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise DataError(f"{where}: expected JSON: {error.msg} at column {error.colno} of {shown!r}.") from error
    except RecursionError as error:
        raise DataError(f"{where}: expected a flat JSON object, found one that is nested too deep.") from error


def _as_record(value: Any, where: str) -> Record:
    if not isinstance(value, dict):
        raise DataError(
            f'{where}: expected a JSON object such as {{"text1": "...", "label": "..."}}, found {value!r:.40}.'
        )
    return Record(value, where)


def _read_lines(path: Path) -> Iterator[Record]:
    for number, line in enumerate(iterate_lines(path), start=1):
        if line.strip():
            yield _as_record(_parse_json(line.rstrip("\n"), f"{path}:{number}"), f"{path}:{number}")


def _read_array(path: Path) -> Iterator[Record]:
    """Read a JSON array of objects, or JSON Lines if the file is called .json but holds those."""
    text = "".join(iterate_lines(path))
    if not text.lstrip().startswith("["):
        yield from _read_lines(path)
        return
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: expected JSON: {error.msg} at column {error.colno}.") from error
    for number, value in enumerate(values, start=1):
        yield _as_record(value, f"{path} item {number}")


def _read_plain(path: Path) -> Iterator[Record]:
    for number, line in enumerate(iterate_lines(path), start=1):
        if line.strip():
            yield Record({"text1": line.rstrip("\n")}, f"{path}:{number}")


def _read_delimited(path: Path, delimiter: str) -> Iterator[Record]:
    reader = csv.reader(iterate_lines(path, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            where, line = f"{path}:{line}", reader.line_num + 1  # a quoted cell may hold line breaks
            if not header:
                header = [cell.strip() for cell in cells]
                _check_header(header, where)
            elif cells:
                if len(cells) != len(header):
                    raise DataError(
                        f"{where}: expected {len(header)} cells as in the header, found {len(cells)}.\n"
                        'Put texts that hold the separator between double quotes ("), and double inner ones.'
                    )
                yield Record(dict(zip(header, cells, strict=True)), where)
    except csv.Error as error:
        raise DataError(
            f"{path}:{line}: expected cells that are quoted well: {error}.\n"
            'Put texts that hold double quotes (") between double quotes, and double the inner ones.'
        ) from error


def _check_header(header: list[str], where: str) -> None:
    if len(set(header)) < len(header):
        raise DataError(f"{where}: expected a header of different column names, found {header}.")


def _read_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path, buffer_size=BUFFER)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: expected a Parquet file: {str(error).splitlines()[0]}") from error
    return Table(_iterate_parquet(file, path), _class_names(file.schema_arrow.metadata or {}))


def _iterate_parquet(file: Any, path: Path) -> Iterator[Record]:
    number = 0
    for batch in file.iter_batches(batch_size=BATCH):
        for fields in batch.to_pylist():
            number += 1
            yield Record(fields, f"{path} row {number}")


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the class names that Hugging Face datasets writes into the Parquet files that it makes."""
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    return {column: kind["names"] for column, kind in features.items() if kind.get("_type") == "ClassLabel"}


def _lazily(read: Callable[[Path], Iterator[Record]], path: Path) -> Table:
    return Table(read(path))


_READERS: dict[str, Callable[[Path], Table]] = {
    "jsonl": partial(_lazily, _read_lines),
    "ndjson": partial(_lazily, _read_lines),
    "json": partial(_lazily, _read_array),
    "csv": partial(_lazily, partial(_read_delimited, delimiter=",")),
    "tsv": partial(_lazily, partial(_read_delimited, delimiter="\t")),
    "txt": partial(_lazily, _read_plain),
    "parquet": _read_parquet,
}
