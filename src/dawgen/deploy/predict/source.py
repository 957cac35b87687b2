"""The rows to label: checked once from end to end, then read again as often as needed; never all in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from dawgen.data import Remarks, Row, iterate_records
from dawgen.errors import DataError
from dawgen.records import Example
from dawgen.tasks import Task

# The kinds of a column's values that matter when another kind of file is written.
KINDS = {type(None): "null", bool: "bool", int: "int", float: "float", str: "text", list: "nested", dict: "nested"}
Kinds = dict[str, str]


@dataclass(frozen=True)
class Facts:
    """The result of one pass over the rows. texts: SHA-256 of all texts in order. columns: name and kind, in order."""

    rows: int
    texts: str
    columns: Kinds


@dataclass(frozen=True)
class Source:
    """A file, folder or dataset that `dawgen.read` can read, for a task; its labels are ignored."""

    name: str
    task: Task
    columns: Mapping[str, Any] | None = None
    state: tuple[int, int] | None = field(init=False)

    def __post_init__(self) -> None:
        """Remember the file's present state."""
        object.__setattr__(self, "state", self._look())

    @property
    def path(self) -> Path | None:
        """The file, None for a folder or a dataset on the hub."""
        return Path(self.name) if Path(self.name).is_file() else None

    def iterate(self, remarks: Remarks | None = None) -> Iterator[tuple[dict[str, Any], Row]]:
        """Yield the columns of every row and its texts. Raises DataError with file and row for what is wrong.

        remarks: gets what reading has to say, which `check` has said already.
        """
        said = Remarks() if remarks is None else remarks
        records = iterate_records(self.name, columns=self.columns, task=self.task, need_label=False, remarks=said)
        return ((record.fields, row) for record, row in records)

    def check(self) -> Facts:
        """Read every row, so that faults are reported before hours of work. Raises DataError with file and row."""
        digest, columns, rows, remarks = hashlib.sha256(), Kinds(), 0, Remarks()
        for fields, row in self.iterate(remarks):
            digest.update(repr((row.example.text1, row.example.text2)).encode())
            for name, value in fields.items():
                _notice(columns, name, value, row.where)
            rows += 1
        remarks.log()
        return Facts(rows, digest.hexdigest(), columns)

    def iterate_chunks(self, size: int) -> Iterator[tuple[Example, ...]]:
        """Yield the rows' texts, `size` at a time."""
        rows = self.iterate()
        while chunk := tuple(row.example for _, row in islice(rows, size)):
            yield chunk

    def check_unchanged(self) -> None:
        """Raise DataError if the file has changed since this object was made."""
        if self._look() != self.state:
            raise DataError(f"{self.name}: it was changed while it was labelled.\nRun the same command again.")

    def _look(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        stat = self.path.stat()
        return stat.st_size, stat.st_mtime_ns


def _notice(columns: Kinds, name: str, value: Any, where: str) -> None:
    """Record the kind of a column's values."""
    kind = KINDS.get(type(value), "other")
    if kind == "text" and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{where}: column {name!r} holds half a character ({error.reason}). Repair the text."
            ) from error
    known = columns.get(name, "null")
    if kind in (known, "null"):
        columns.setdefault(name, kind)
    elif known == "null":
        columns[name] = kind
    else:
        columns[name] = "float" if {known, kind} == {"int", "float"} else "mixed"
