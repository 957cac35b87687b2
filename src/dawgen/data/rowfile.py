"""JSON Lines files of any size as sequences: a row is read from disk when it is accessed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import weakref
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar, overload

from dawgen.errors import DataError
from dawgen.records import Example

T = TypeVar("T")


class LineFile(Sequence[T]):
    """The parsed lines of a file, without blank ones; memory holds only the 8 bytes of each line's place.

    The file must not change while it is in use; another file may be renamed over it.
    """

    def __init__(self, source: str | Path | IO[bytes], *, name: str | None = None) -> None:
        self.name = name or str(source)
        handle = open(source, "rb") if isinstance(source, (str, Path)) else source  # noqa: SIM115
        with handle:
            self._file = os.dup(handle.fileno())
            weakref.finalize(self, os.close, self._file)
            self._places, place = array("Q"), 0
            handle.seek(0)
            for line in handle:
                if line.strip():
                    self._places.append(place)
                self.notice(line)
                place += len(line)
            self._places.append(place)

    @abstractmethod
    def parse(self, line: bytes, row: int) -> T:
        """Return the row of a line."""

    def notice(self, line: bytes) -> None:
        """Look at a line, blank or not, while the file is read for the first time."""

    def __len__(self) -> int:
        return len(self._places) - 1

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]  # counts from the end too, and raises IndexError
        os.lseek(self._file, self._places[row], os.SEEK_SET)
        return self.parse(os.read(self._file, self._places[row + 1] - self._places[row]), row)

    def __iter__(self) -> Iterator[T]:
        return (self[row] for row in range(len(self)))


class FieldFile(LineFile[dict[str, Any]]):
    """Rows as the dicts of the file. Raises DataError with file and row for a row that is no JSON object."""

    def parse(self, line: bytes, row: int) -> dict[str, Any]:
        """Return the fields of a line."""
        return parse_fields(line, f"{self.name}:{row + 1}")


class RowFile(LineFile[Example]):
    """The rows {"text1", "text2" (pairs), "label"} of a file; memory holds 8 bytes of place and 4 of label per row.

    labels: the label of each row, as its index in `names`, where labels are in order of first appearance.
    sha256: of the file.

        rows = RowFile("synthetic/train.jsonl")
        rows[99_999].text1

    Raises DataError with file and row for a row that is no example.
    """

    def __init__(self, source: str | Path | IO[bytes], *, name: str | None = None) -> None:
        self.labels = array("i")
        self._numbers: dict[str | None, int] = {}
        self._digest = hashlib.sha256()
        super().__init__(source, name=name)
        self.names, self.sha256 = tuple(self._numbers), self._digest.hexdigest()

    @classmethod
    def spool(cls, examples: Iterable[Example], name: str) -> RowFile:
        """Write any number of examples to a temporary file, which goes when unused; `name` is its name in errors."""
        stream = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            for example in examples:
                stream.write(json.dumps(as_row(example), ensure_ascii=False).encode() + b"\n")
            stream.flush()
        except BaseException:  # examples that cannot be read
            stream.close()
            raise
        return cls(stream, name=name)

    def notice(self, line: bytes) -> None:
        """Add the line to the labels and to the hash."""
        self._digest.update(line)
        if line.strip():
            label = self.parse(line, len(self.labels)).label
            self.labels.append(self._numbers.setdefault(label, len(self._numbers)))

    def parse(self, line: bytes, row: int) -> Example:
        """Return the example of a line."""
        where = f"{self.name}:{row + 1}"
        fields = parse_fields(line, where)
        if not isinstance(fields.get("text1"), str):
            raise DataError(f"{where}: expected an example, found no text1. Write the set anew.")
        return Example(fields["text1"], fields.get("text2"), fields.get("label"))


def parse_fields(line: bytes | str, where: str) -> dict[str, Any]:
    """Return the JSON object of a line. Raises DataError, which names the place, for anything else."""
    try:
        # decoded here: given bytes, loads would detect the encoding of every line
        fields = json.loads(line.decode() if isinstance(line, bytes) else line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        shown = line.decode(errors="replace") if isinstance(line, bytes) else line
        raise DataError(f"{where}: expected a JSON object, got {shown.strip()[:40]!r}; the file is damaged.")
    return fields


def as_row(example: Example) -> dict[str, str | None]:
    """Return the example as a row of a file; single texts have no text2."""
    pair = {} if example.text2 is None else {"text2": example.text2}
    return {"text1": example.text1, **pair, "label": example.label}
