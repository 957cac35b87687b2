"""CSV and TSV files of any size to cells under the names of their header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dawgen.columns import Columns, show_setting
from dawgen.data.dialect import (
    Found,
    count_rows,
    has_quotes_behind_spaces,
    has_width,
    is_split,
    refuse_two_ways,
    sniff,
)
from dawgen.data.lines import iterate_lines
from dawgen.data.remarks import Remarks
from dawgen.errors import DataError

_HEAD = 1 << 18  # characters by which the dialect is found


def read_delimited(path: Path, plain: str, given: Columns, remarks: Remarks) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the cells of every row by name, and its place. Empty rows and unnamed columns at the end are left out.

    plain: the delimiter of files of this name.

    Raises DataError while it reads, with the line: two ways to read it, cells that are not quoted well, equal names, a
    row of another width, an empty row between others.
    """
    lines = iterate_lines(path, "", given.encoding)
    head, rest = _take_head(lines)
    whole = rest is None
    found = sniff(head, plain, given, str(path), whole=whole)
    if found.sniffed:
        remarks.note(f"{path}: read with {found.sniffed}")
    reader = _Rows(path, found, head if whole else None)
    yield from reader.iterate(chain(head[found.skip :], lines))
    reader.remark(remarks)


def _take_head(lines: Iterator[str]) -> tuple[list[str], Iterator[str] | None]:
    """Return the first lines, and the iterator of the others or None."""
    head, size = list[str](), 0
    for line in lines:
        head.append(line)
        size += len(line)
        if size > _HEAD:
            return head, lines
    return head, None


@dataclass
class _Header:
    """The names of the columns, where they stand, and where no name does; width: cells of the header."""

    names: list[str]
    places: list[int]
    unnamed: list[int]
    width: int

    @classmethod
    def read(cls, cells: Sequence[str], where: str) -> _Header:
        """Return the header of these cells; columns without a name at its end, or several of them, must be empty."""
        names = [cell.strip() for cell in cells]
        last = max(place for place, name in enumerate(names) if name)
        unnamed = [place for place, name in enumerate(names) if not name]
        if len(unnamed) == 1 and unnamed[0] < last:
            unnamed = []  # as pandas writes its index
        places = [place for place in range(len(names)) if place not in unnamed]
        check_names([names[place] for place in places], where)
        return cls([names[place] for place in places], places, unnamed, len(names))


class _Rows:
    """Reads rows and counts what is left out. whole: the file's lines where it is small, to count its rows."""

    def __init__(self, path: Path, found: Found, whole: list[str] | None) -> None:
        self.path, self.found, self.whole = path, found, whole
        self.header: _Header | None = None
        self.blank, self.blank_at, self.cut = 0, "", 0

    def iterate(self, lines: Iterator[str]) -> Iterator[tuple[dict[str, str], str]]:
        """Yield rows as `read_delimited`."""
        dialect, skip = self.found.dialect, self.found.skip
        watched = not dialect.spaced and self.whole is None
        reader, prefix = dialect.parse(lines), f"{self.path}:"
        line = 1 + skip
        try:
            for cells in reader:
                where, begin, line = f"{prefix}{line}", line, reader.line_num + 1 + skip
                if not (cells and cells[0].strip()) and not any(map(str.strip, cells)):
                    if cells and self.header:
                        self.blank, self.blank_at = self.blank + 1, self.blank_at or where
                    continue
                if self.header is None:
                    self.header = _Header.read(cells, where)
                    names, width, plain = self.header.names, self.header.width, not self.header.unnamed
                    continue
                if self.blank:
                    raise DataError(
                        f"{self.blank_at}: expected cells with something in them, found an empty row between others.\n"
                        "Fill it or take it out."
                    )
                if line - begin > 1 and not self.found.sure and is_split(cells, dialect.delimiter):
                    counts = count_rows(self.whole[skip:], dialect) if self.whole else None
                    raise refuse_two_ways(where, cells, dialect, counts)
                if watched and has_quotes_behind_spaces(cells, dialect.sign):
                    raise DataError(
                        f"{where}: expected cells as above, found a space and then quotes after a delimiter.\n"
                        "Take the spaces out, here or everywhere."
                    )
                if plain and len(cells) == width:
                    yield dict(zip(names, cells, strict=True)), where
                else:
                    yield self._name(cells, where), where
        except csv.Error as error:
            raise DataError(
                f"{self.path}:{line}: expected cells that are quoted well: {error}.\n"
                "Put texts that hold quotes between double quotes, and double the inner ones; or, where quotes are "
                f"part of the texts: {show_setting('quoting', 'none')}."
            ) from error

    def remark(self, remarks: Remarks) -> None:
        """Say what was left out."""
        if self.blank:
            remarks.note(f"{self.path}: {_count(self.blank, 'empty row')} at the end left out")
        columns = max(self.cut, len(self.header.unnamed) if self.header else 0)
        if columns:
            remarks.note(f"{self.path}: {_count(columns, 'empty column')} without a name left out")

    def _name(self, cells: list[str], where: str) -> dict[str, str]:
        assert self.header is not None  # it is read first
        header = self.header
        if len(cells) != header.width:
            self._check_width(cells, where)
        for place in header.unnamed:
            if cells[place : place + 1] and cells[place].strip():
                raise DataError(
                    f"{where}: expected nothing in column {place + 1}, which has no name in the header, found "
                    f"{cells[place]!r:.60}.\nName the column."
                )
        return {name: cells[place] for name, place in zip(header.names, header.places, strict=True)}

    def _check_width(self, cells: list[str], where: str) -> None:
        """Raise DataError unless only empty cells make the difference."""
        assert self.header is not None
        header, delimiter = self.header, self.found.dialect.delimiter
        named = [""] * header.width
        for name, place in zip(header.names, header.places, strict=True):
            named[place] = name or "?"
        if has_width(cells, named):
            self.cut = max(self.cut, len(cells) - header.width)
            return
        advice = 'Put texts that hold the separator between double quotes ("), and double inner ones'
        if header.width == 1:
            advice += f"; or, where there is one column only: {show_setting('delimiter', 'tab')}"
        raise DataError(
            f"{where}: expected {header.width} cells as in the header, found {len(cells)} "
            f"(separator {delimiter!r}).\n{advice}."
        )


def check_names(names: Sequence[str], where: str) -> None:
    """Raise DataError for a name that two columns have."""
    if len(set(names)) < len(names):
        twins = list(dict.fromkeys(name for name in names if names.count(name) > 1))
        raise DataError(
            f"{where}: expected a header of different column names, found {', '.join(map(repr, twins))} more than "
            "once.\nRename or drop one of them."
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"
