"""Examples that stay on disk: a JSON Lines file as a sequence whose rows are read when they are asked for."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, overload

from dawgen.errors import DataError
from dawgen.records import Example


class RowFile(Sequence[Example]):
    """The rows {"text1", "text2" (pairs), "label"} of a file; in memory are 8 bytes of place and 4 of label per row.

    labels: the label of each row as a number, in `names`, which has them in the order in which they first come.
    sha256: of the file. The file must not change while it is in use; renaming another over it is no change.

        rows = RowFile("synthetic/train.jsonl")
        rows[99_999].text1

    Raises DataError with file and line for a row that is no example.
    """

    def __init__(self, source: str | Path | IO[bytes], *, name: str | None = None) -> None:
        self.name = name or str(source)
        handle = open(source, "rb") if isinstance(source, (str, Path)) else source  # noqa: SIM115
        with handle:
            self._file = os.dup(handle.fileno())
            weakref.finalize(self, os.close, self._file)
            self._places, self.labels = array("Q", [0]), array("i")
            numbers: dict[str | None, int] = {}
            digest = hashlib.sha256()
            handle.seek(0)
            for line in handle:
                digest.update(line)
                label = self._parse(line, len(self.labels)).label
                self.labels.append(numbers.setdefault(label, len(numbers)))
                self._places.append(self._places[-1] + len(line))
        self.names, self.sha256 = tuple(numbers), digest.hexdigest()

    @classmethod
    def spool(cls, examples: Iterable[Example], name: str) -> RowFile:
        """Write examples of any number to a temporary file that goes when nobody uses it; `name` stands in errors."""
        stream = tempfile.TemporaryFile()  # noqa: SIM115
        for example in examples:
            stream.write(json.dumps(as_row(example), ensure_ascii=False).encode() + b"\n")
        stream.flush()
        return cls(stream, name=name)

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]  # counts from the end too, and raises IndexError
        os.lseek(self._file, self._places[row], os.SEEK_SET)
        return self._parse(os.read(self._file, self._places[row + 1] - self._places[row]), row)

    def __iter__(self) -> Iterator[Example]:
        return (self[row] for row in range(len(self)))

    def _parse(self, line: bytes, row: int) -> Example:
        try:
            fields = json.loads(line.decode())  # a text: of bytes, loads would guess the encoding every time
            return Example(fields["text1"], fields.get("text2"), fields.get("label"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self.name}:{row + 1}: expected an example, found damage ({error}). Write the set anew."
            ) from error


def as_row(example: Example) -> dict[str, str | None]:
    """Return the example as a row of a file; single texts have no text2."""
    pair = {} if example.text2 is None else {"text2": example.text2}
    return {"text1": example.text1, **pair, "label": example.label}
