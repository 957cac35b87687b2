"""Reads any file or dataset into checked examples; texts are unchanged except for white space at their ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dawgen.columns import Columns, show_setting
from dawgen.data.formats import Record, Table, is_readable, read_table
from dawgen.data.hub import has_split, is_hub_name, read_folder, read_hub
from dawgen.data.labels import Labels, name_kind
from dawgen.data.remarks import Remarks
from dawgen.errors import ConfigError, DataError, suggest
from dawgen.records import Example

if TYPE_CHECKING:
    from dawgen.tasks import Task

_FIELDS = ("text1", "text2", "label")


@dataclass(frozen=True, slots=True)
class Row:
    """An example and where it was read: `train.csv:7`."""

    example: Example
    where: str


def read(
    source: str | Path,
    *,
    columns: Columns | Mapping[str, Any] | None = None,
    task: Task | None = None,
    split: str | None = None,
    need_label: bool = True,
    remarks: Remarks | None = None,
) -> list[Example]:
    """Return the examples of a file, a folder or a dataset on the Hugging Face Hub.

    Args:
        source: a .jsonl, .ndjson, .json, .csv, .tsv, .txt or .parquet file (text files also with .gz), a folder with a
            dataset, or `owner/name[:config]` on the hub, which is the only source that uses the network.
        columns: the source's column for text1, text2 or label; without it these names, then those of the task's hub
            data; `text` stands for text1. Also how it is written, where that is not to be found from the file:
            `labels`, `delimiter`, `quoting`, `encoding` of `dawgen.columns.Columns`.
        task: gives the labels that are allowed, their numbers, and whether pairs are expected.
        split: of a dataset, such as "train".
        need_label: False reads no labels, as for first texts and prediction.
        remarks: gets what was sniffed, left out or looks odd; without it the logger `dawgen.data` does.

    Raises:
        DataError: with file and line for everything that is wrong in the data. ConfigError: wrong `columns`.

    >>> import dawgen
    >>> rows = "premise,hypothesis,label\\nHe sleeps,He is awake,contradiction\\nHe sleeps,He rests,entailment\\n"
    >>> with open("train.csv", "w") as file:
    ...     _ = file.write(rows)
    >>> dawgen.read("train.csv", columns={"text1": "premise", "text2": "hypothesis"})[0]
    Example(text1='He sleeps', text2='He is awake', label='contradiction')
    """
    return [
        row.example
        for row in read_rows(source, columns=columns, task=task, split=split, need_label=need_label, remarks=remarks)
    ]


def read_rows(
    source: str | Path,
    *,
    columns: Columns | Mapping[str, Any] | None = None,
    task: Task | None = None,
    split: str | None = None,
    need_label: bool = True,
    remarks: Remarks | None = None,
) -> list[Row]:
    """Return the same examples as `read`, each with its place."""
    return list(iterate_rows(source, columns=columns, task=task, split=split, need_label=need_label, remarks=remarks))


def as_columns(columns: Columns | Mapping[str, Any] | None) -> Columns:
    """Return how to read, from a mapping of the same. Raises ConfigError for what is none."""
    if columns is None or isinstance(columns, Columns):
        return columns or Columns()
    for key in columns:
        if key not in Columns.model_fields:
            raise ConfigError(f"columns: unknown field {key!r}; {suggest(str(key), Columns.model_fields)}")
    try:
        return Columns.model_validate(dict(columns))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in ("columns", *first["loc"]))
        raise ConfigError(
            f"{place}: {first['msg'].removeprefix('Value error, ')}, found {first['input']!r:.60}."
        ) from error


def iterate_rows(
    source: str | Path,
    *,
    columns: Columns | Mapping[str, Any] | None = None,
    task: Task | None = None,
    split: str | None = None,
    need_label: bool = True,
    remarks: Remarks | None = None,
) -> Iterator[Row]:
    """Yield the rows of `read_rows` one by one; checks of the whole source come at its end."""
    for _, row in iterate_records(
        source, columns=columns, task=task, split=split, need_label=need_label, remarks=remarks
    ):
        yield row


def iterate_records(
    source: str | Path,
    *,
    columns: Columns | Mapping[str, Any] | None = None,
    task: Task | None = None,
    split: str | None = None,
    need_label: bool = True,
    remarks: Remarks | None = None,
) -> Iterator[tuple[Record, Row]]:
    """Yield the rows of `iterate_rows`, each after its record, which has all columns of the source."""
    given, own = as_columns(columns), Remarks() if remarks is None else remarks
    table = _open(source, split, task, given, own)
    mapping: dict[str, str] = {}
    first: Row | None = None
    labels = Labels(given, task, table.names)
    for record in table.records:
        mapping = mapping or _find_columns(record, given, task, need_label)
        label = labels.take(record, mapping["label"]) if need_label else None
        if need_label and label is None:
            continue
        text2 = _take_text(record, mapping["text2"]) if _has_text2(record, mapping) else None
        row = Row(Example(_take_text(record, mapping["text1"]), text2, label), record.where)
        first = first or row
        if (text2 is None) != (first.example.text2 is None):
            wanted, found = ("a pair", "one text") if text2 is None else ("one text", "a pair")
            raise DataError(
                f"{record.where}: expected {wanted} as in {first.where}, found {found}. "
                "Give every row a text2, or none."
            )
        yield record, row
    if first is None:
        raise DataError(
            f"{source}: expected examples, found none{labels.describe_skipped()}. Give a file with at least one row."
        )
    if need_label:
        labels.check_whole(str(source), own)
    if remarks is None:
        own.log()


def _open(source: str | Path, split: str | None, task: Task | None, given: Columns, remarks: Remarks) -> Table:
    if not isinstance(source, str | Path):
        raise ConfigError(f"expected the path of a file or folder, or a hub name, found {type(source).__name__}.")
    path = Path(source)
    try:
        if path.is_dir():
            return read_folder(path, split, given, remarks)
        if path.exists():
            return read_table(path, given, remarks)
        if has_split(path.parent, path.name):
            return read_folder(path.parent, path.name, given, remarks)
    except OSError as error:  # too long, or not allowed to look at
        raise DataError(f"{str(source)[:80]!r}: cannot be read as a file: {error.strerror}.") from error
    if isinstance(source, str) and is_hub_name(source) and not path.parent.is_dir():
        return read_hub(source, split, task)
    beside = [item.name for item in path.parent.iterdir() if is_readable(item)] if path.parent.is_dir() else []
    near = suggest(path.name, sorted(beside)) if beside else "nor is there a data file beside it"
    raise DataError(f"{path}: there is no such file; {near}")


def _find_columns(record: Record, given: Columns, task: Task | None, need_label: bool) -> dict[str, str]:
    """Return the column of each field, judged by the first record; a column that is not there means no such field."""
    there = record.fields
    hub = {str(ours): theirs for ours, theirs in task.hub.columns.items()} if task and task.hub else {}
    mapping = {}
    for field in _FIELDS:
        candidates = [field, hub.get(field, field), *(["text"] if field == "text1" else [])]
        found = [name for name in candidates if name in there]
        mapping[field] = getattr(given, field) or (found[0] if found else field)
    needed = [
        "text1",
        *(["text2"] if given.text2 is not None or (task and task.pair) else []),
        *(["label"] if need_label else []),
    ]
    for field in needed:
        if mapping[field] not in there:
            raise DataError(
                f"{record.where}: expected a column {mapping[field]!r}; {suggest(mapping[field], there)}\n"
                f"Name the column that holds {field}: {show_setting(field, '...')}."
            )
    if task and not task.pair and _has_text2(record, mapping):
        raise DataError(
            f"{record.where}: expected one text for task {task.name!r}, found a second one in column "
            f"{mapping['text2']!r}. Take the column out, or use a task for pairs."
        )
    return mapping


def _has_text2(record: Record, mapping: Mapping[str, str]) -> bool:
    return record.fields.get(mapping["text2"]) is not None


def _take_text(record: Record, column: str) -> str:
    if column not in record.fields:
        raise DataError(f"{record.where}: expected a column {column!r}; {suggest(column, record.fields)}")
    value = record.fields[column]
    if not isinstance(value, str):
        raise DataError(
            f"{record.where}: expected a text in column {column!r}, found {name_kind(value)} {value!r:.40}."
        )
    text = value.strip()
    if not text:
        raise DataError(
            f"{record.where}: expected a text in column {column!r}, found an empty one. Fill it or drop the row."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{record.where}: column {column!r} holds half a character ({error.reason}). Repair the text."
        ) from error
    return text
