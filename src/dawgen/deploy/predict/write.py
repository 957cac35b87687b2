"""The output file: the input, read again row by row, with the predictions of the shards; memory holds one row group.

From Parquet to Parquet columns keep their types; between other kinds of files values are those that JSON can hold.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from dawgen.data.formats import BATCH, BUFFER
from dawgen.deploy.predict.columns import as_cell, as_plain, name_columns
from dawgen.deploy.predict.parts import Predicted
from dawgen.deploy.predict.source import Facts, Kinds, Source
from dawgen.deploy.predict.what import What
from dawgen.errors import ConfigError, DataError

ENDINGS = (".parquet", ".jsonl", ".csv")
GROUP_ROWS = 65536  # of a Parquet file's row group, or a batch more
GROUP_BYTES = 32 << 20

Fields = dict[str, Any]
Added = tuple[str, ...]
DEFAULT = What()


@dataclass
class Predictions:
    """Labels and probabilities in the order of the rows; counts the labels that were taken as they are written."""

    values: Iterator[Predicted]
    labels: tuple[str, ...]
    what: What = DEFAULT
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are added: label, and numbers."""
        return self.what.name_added(self.labels)

    def take(self, rows: int) -> list[list[Any]]:
        """Return the next values of each column that is added. Raises DataError where there are fewer."""
        taken = list(islice(self.values, rows))
        if len(taken) != rows:
            raise DataError("expected as many rows as were labelled, found more: the input was changed meanwhile.")
        labels = [self.what.name_label(self.labels[number], probability) for number, probability, _ in taken]
        self.counts.update(labels)
        columns: list[list[Any]] = [labels, [probability for _, probability, _ in taken]]
        if self.what.every:
            columns += [[chances[number] for *_, chances in taken] for number in range(len(self.labels))]
        return columns


def check_out(out: Path, source: Source) -> None:
    """Raise ConfigError for an output that cannot be written, or that would replace the input."""
    if out.suffix not in ENDINGS:
        raise ConfigError(f"--out {out}: expected a name that ends in {', '.join(ENDINGS)}.")
    if out.is_dir():
        raise ConfigError(f"--out {out}: expected a file's name, found a folder.")
    if source.path is not None and out.exists() and out.samefile(source.path):
        raise ConfigError(f"--out {out}: expected another file than --in.")


def write_output(path: Path, ending: str, source: Source, facts: Facts, predictions: Predictions) -> None:
    """Write all rows with their predictions. ending: the kind of file."""
    if ending == ".parquet" and source.path is not None and source.name.lower().endswith(".parquet"):
        _extend_parquet(path, source.path, predictions)
        return
    added = predictions.names
    names = name_columns(facts.columns, source.name, added)
    with _OPENERS[ending](path, facts.columns, names, added) as write:
        rows = source.iterate()
        while chunk := [fields for fields, _ in islice(rows, BATCH)]:
            for fields, *values in zip(chunk, *predictions.take(len(chunk)), strict=True):
                kept = {names[name]: value for name, value in fields.items()}
                write(kept | dict(zip(added, values, strict=True)))


@contextmanager
def _open_jsonl(path: Path, kinds: Kinds, names: dict[str, str], added: Added) -> Iterator[Callable[[Fields], object]]:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        yield lambda row: stream.write(json.dumps(as_plain(row), ensure_ascii=False) + "\n")


@contextmanager
def _open_csv(path: Path, kinds: Kinds, names: dict[str, str], added: Added) -> Iterator[Callable[[Fields], object]]:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [*names.values(), *added], lineterminator="\n")
        writer.writeheader()
        yield lambda row: writer.writerow({name: as_cell(value) for name, value in row.items()})


@contextmanager
def _open_parquet(
    path: Path, kinds: Kinds, names: dict[str, str], added: Added
) -> Iterator[Callable[[Fields], object]]:
    import pyarrow

    types = {"bool": pyarrow.bool_(), "int": pyarrow.int64(), "float": pyarrow.float64()}
    fields = [(names[name], types.get(kind, pyarrow.string())) for name, kind in kinds.items()]
    schema = pyarrow.schema([*fields, *_type_added(added)])
    texts = {names[name] for name, kind in kinds.items() if kind not in types}
    with _open_groups(path, schema) as add:
        rows: list[Fields] = []

        def flush() -> None:
            try:
                add(pyarrow.RecordBatch.from_pylist(rows, schema=schema))
            except (pyarrow.ArrowException, OverflowError) as error:
                raise DataError(f"{path.name}: expected values that Parquet holds: {error}. Write .jsonl.") from error
            rows.clear()

        def write(row: Fields) -> None:
            rows.append({name: _as_text(value) if name in texts else value for name, value in row.items()})
            if len(rows) == BATCH:
                flush()

        yield write
        flush()


def _as_text(value: Any) -> str | None:
    cell = as_cell(value)
    return None if cell is None else str(cell)


def _extend_parquet(path: Path, source: Path, predictions: Predictions) -> None:
    """Write the columns of a Parquet file with their types, and the predictions behind them."""
    import pyarrow
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(source, buffer_size=BUFFER)
    # The metadata of pandas and datasets list the columns, which are now incomplete.
    names = list(name_columns(file.schema_arrow.names, str(source), predictions.names).values())
    fields = [field.with_name(name) for field, name in zip(file.schema_arrow, names, strict=True)]
    added = _type_added(predictions.names)
    schema = pyarrow.schema([*fields, *(pyarrow.field(*one) for one in added)])
    with _open_groups(path, schema) as add:
        for batch in file.iter_batches(batch_size=BATCH):
            taken = zip(predictions.take(len(batch)), added, strict=True)
            columns = [pyarrow.array(values, kind) for values, (_, kind) in taken]
            add(pyarrow.RecordBatch.from_arrays([*batch.columns, *columns], schema=schema))


def _type_added(added: Added) -> list[tuple[str, Any]]:
    """Return names and Parquet types of the columns that are added: the label, and probabilities."""
    import pyarrow

    return [(name, pyarrow.float64() if place else pyarrow.string()) for place, name in enumerate(added)]


@contextmanager
def _open_groups(path: Path, schema: Any) -> Iterator[Callable[[Any], None]]:
    """Open a Parquet file; yields what takes record batches and writes row groups of a bounded size."""
    import pyarrow
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        waiting: list[Any] = []

        def flush() -> None:
            if waiting:
                writer.write_table(pyarrow.Table.from_batches(waiting, schema))
                waiting.clear()

        def add(batch: Any) -> None:
            if len(batch):
                waiting.append(batch)
            if sum(map(len, waiting)) >= GROUP_ROWS or sum(part.nbytes for part in waiting) >= GROUP_BYTES:
                flush()

        yield add
        flush()


_OPENERS = {".jsonl": _open_jsonl, ".csv": _open_csv, ".parquet": _open_parquet}
