"""How a CSV or TSV file separates and quotes its cells, found from its beginning; two plausible ways are refused.

A way of reading is plausible if every row has as many cells as the header. Of those for one delimiter, cells in
double quotes come first; texts with stray quotes are read without quoting, where that is the only plausible way: not
where most cells stand in quotes as a whole, for then one quote is missing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dawgen.columns import Columns, show_setting
from dawgen.errors import DataError

DELIMITERS = (",", "\t", ";", "|")
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe", " ": "space", ":": "colon"}
_KNOWN = ("text", "text1", "text2", "label")
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's line before the header
_LONGEST = 1 << 27  # characters of a cell; Python's own limit of 131,072 is less than a long text
_SIGNS = {"double": '"', "backslash": '"', "single": "'", "none": ""}


class Rows(Protocol):
    """What reads cells: an iterator that knows how many lines it has taken."""

    @property
    def line_num(self) -> int:
        """Lines that were taken so far."""

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the cells of every row."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to read. quoting: as in `Columns`. spaced: a space follows the delimiter, also before quotes."""

    delimiter: str
    quoting: str = "double"
    spaced: bool = False

    @property
    def sign(self) -> str:
        """The sign around quoted cells, "" for none."""
        return _SIGNS[self.quoting]

    def parse(self, lines: Iterable[str]) -> Rows:
        """Return the reader of the cells of lines. It raises csv.Error for cells that are not quoted well."""
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))
        if self.quoting == "none":
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, skipinitialspace=self.spaced)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.sign,
            doublequote=self.quoting != "backslash",
            escapechar="\\" if self.quoting == "backslash" else None,
            skipinitialspace=self.spaced,
            strict=True,
        )

    def describe(self) -> str:
        """Return the way in words."""
        name = NAMES.get(self.delimiter, repr(self.delimiter))
        quotes = {
            "double": "double quotes around cells",
            "single": "single quotes around cells",
            "backslash": "double quotes around cells and a backslash before inner ones",
            "none": "quotes as part of the texts",
        }
        return f"{name} between cells{' with a space' if self.spaced else ''}, {quotes[self.quoting]}"


@dataclass(frozen=True, slots=True)
class Found:
    """How a file is read. skip: lines before the header. sure: a quoted cell over several lines is no accident, since
    the file makes no sense without quotes. sniffed: the way in words, "" for the plain one of files of its name."""

    dialect: Dialect
    skip: int = 0
    sure: bool = False
    sniffed: str = ""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a dialect makes of a file's beginning. width: cells of the header. even: rows of that width, of all."""

    dialect: Dialect
    header: tuple[str, ...]
    rows: int
    even: int
    quoted: frozenset[int]  # columns whose cells all stand in single quotes
    spaced: bool  # a cell begins with a space and a quote
    whole: int  # cells that stand in double quotes as a whole
    stray: int  # cells with a double quote at one end
    first: tuple[str, ...]
    error: bool

    @property
    def plausible(self) -> bool:
        literal = self.dialect.sign != '"'  # then double quotes are part of the texts
        return not self.error and self.even == self.rows and (not literal or self.stray > self.whole or self.whole == 0)


def sniff(head: Sequence[str], plain: str, given: Columns, where: str, *, whole: bool) -> Found:
    """Return how a file is read whose first lines are `head`. plain: the delimiter of files of its name.

    given: what the settings say of it, which is not judged. whole: whether these lines are all.

    Raises DataError where two ways are plausible, with what both make of the first row.
    """
    lines, skip, delimiter = _skip_separator(head, given)
    if delimiter:
        options = [delimiter]
    else:
        first = next((line for line in lines if line.strip()), "")
        options = [plain, *(sign for sign in DELIMITERS if sign != plain and sign in first)]
    ways = [_choose_quoting(lines, sign, given, whole) for sign in options]
    chosen = _choose_delimiter(ways, given, where)
    dialect = chosen.dialect
    sure = bool(given.quoting) or _needs_quotes(lines, chosen, whole)
    odd = dialect != Dialect(plain) and (given.delimiter, given.quoting) != (dialect.delimiter, dialect.quoting)
    return Found(dialect, skip, sure, dialect.describe() if odd else "")


def is_split(cells: Sequence[str], delimiter: str) -> bool:
    """Return whether a row over several lines would be as many rows of the same width without quotes."""
    lines = _split_lines(delimiter.join(cells))
    return len(lines) > 1 and all(line.count(delimiter) == len(cells) - 1 for line in lines if line.strip())


def has_width(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Return whether a row has the header's width, but for empty cells at the end of one of them."""
    more, fewer = cells[len(header) :], header[len(cells) :]
    return not any(map(str.strip, more)) and not any(map(str.strip, fewer))


def has_quotes_behind_spaces(cells: Iterable[str], sign: str) -> bool:
    """Return whether a cell is a space and then a text in quotes."""
    return any(cell[:1] == " " and _is_quoted(cell.strip(), sign) for cell in cells)


def refuse_two_ways(where: str, cells: Sequence[str], dialect: Dialect, counts: tuple[int, int] | None) -> DataError:
    """Return the error about a row that could as well be several. counts: rows with and without quotes, if known."""
    marked = [f"{dialect.sign}{cell}{dialect.sign}" if len(_split_lines(cell)) > 1 else cell for cell in cells]
    joined = _split_lines(dialect.delimiter.join(marked))
    numbers = f"; in all {counts[0]} rows or {counts[1]}" if counts else ""
    return DataError(
        f"{where}: expected one way to read the row, found two: {_show(cells)} with quotes around cells, and "
        f"{len(joined)} rows without, the first {_show(joined[0].split(dialect.delimiter))}{numbers}.\n"
        f"Choose: {show_setting('quoting', dialect.quoting)}, or none in its place."
    )


def count_rows(lines: Sequence[str], dialect: Dialect) -> tuple[int, int]:
    """Return the number of rows below the header with the dialect's quotes, and without any."""
    return _read(lines, dialect, True).rows, _read(lines, replace(dialect, quoting="none"), True).rows


def _needs_quotes(lines: Sequence[str], chosen: _Reading, whole: bool) -> bool:
    """Return whether the file makes no sense without quotes. Nobody has stray quotes at the start of a header."""
    sign = chosen.dialect.sign
    if not sign or not any(sign in line for line in lines):
        return False
    first = next(line for line in lines if line.strip())
    if first.lstrip().startswith(sign):
        return True
    bare = _read(lines, replace(chosen.dialect, quoting="none"), whole)
    return bare.even < bare.rows


def _skip_separator(head: Sequence[str], given: Columns) -> tuple[Sequence[str], int, str | None]:
    found = _SEPARATOR.fullmatch(head[0]) if head else None
    return (head[1:], 1, given.delimiter or found[1]) if found else (head, 0, given.delimiter)


def _choose_quoting(lines: Sequence[str], delimiter: str, given: Columns, whole: bool) -> _Reading:
    """Return the most plausible reading with one delimiter."""
    plain = _read(lines, Dialect(delimiter, given.quoting or "double"), whole)
    if plain.spaced:
        spaced = _read(lines, replace(plain.dialect, spaced=True), whole)
        if spaced.plausible or not plain.plausible:
            plain = spaced if not spaced.error else plain
    if given.quoting:
        return plain
    others = []
    if not plain.plausible:
        text = "".join(lines)
        others += [Dialect(delimiter, "backslash")] if '\\"' in text else []
        others += [Dialect(delimiter, "none")] if '"' in text else []
    if plain.quoted or (not plain.plausible and any(line.lstrip().startswith("'") for line in lines)):
        others += [Dialect(delimiter, "single")]
    for dialect in others:
        other = _read(lines, dialect, whole)
        if other.plausible:
            return other
    return plain


def _choose_delimiter(ways: Sequence[_Reading], given: Columns, where: str) -> _Reading:
    """Return the plausible reading; of several, the one whose header has known columns; of none, the most even one."""
    wide = [way for way in ways if len(way.header) > 1]
    sound = [way for way in wide if way.plausible]
    if len(sound) > 1:
        known = {*_KNOWN, *filter(None, (given.text1, given.text2, given.label))}
        counts = [len(known.intersection(way.header)) for way in sound]
        sound = [way for way, count in zip(sound, counts, strict=True) if count == max(counts)]
    if len(sound) > 1:
        shown = " and ".join(f"{_show(way.first)} with a {NAMES[way.dialect.delimiter]}" for way in sound[:2])
        raise DataError(
            f"{where}: expected one way to read the file, found {len(sound)}: its first row is {shown}.\n"
            f"Choose: {show_setting('delimiter', NAMES[sound[0].dialect.delimiter])}, or "
            f"{NAMES[sound[1].dialect.delimiter]}."
        )
    if sound:
        return sound[0]
    return max(wide or ways, key=lambda way: (not way.error, way.even / max(1, way.rows)))


def _read(lines: Sequence[str], dialect: Dialect, whole: bool) -> _Reading:
    """Read a file's beginning in one way; a beginning may end within a row."""
    header: list[str] = []
    rows = even = 0
    spaced = error = False
    complete = stray = 0
    first: list[str] = []
    quoted: set[int] | None = None
    reader = dialect.parse(iter(lines))
    try:
        for cells in reader:
            if not any(cells):
                continue
            if not header:
                header = cells
            else:
                rows += 1
                first = first or cells
                even += has_width(cells, header)
            spaced = spaced or (not dialect.spaced and has_quotes_behind_spaces(cells, dialect.sign))
            if dialect.sign != '"':
                ends = [(cell[:1] == '"') + (cell[-1:] == '"') for cell in map(str.strip, cells)]
                complete, stray = complete + ends.count(2), stray + ends.count(1)
            single = {place for place, cell in enumerate(cells) if _is_quoted(cell.strip(), "'")}
            if rows:
                quoted = single if quoted is None else quoted & single
    except csv.Error as reason:
        error = whole or "unexpected end of data" not in str(reason)
    columns = frozenset(quoted or ()) if rows > 1 else frozenset[int]()
    names = tuple(name.strip() for name in header)
    return _Reading(dialect, names, rows, even, columns, spaced, complete, stray, tuple(first), error)


def _split_lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


def _is_quoted(cell: str, sign: str) -> bool:
    return len(cell) > 1 and sign != "" and cell[0] == cell[-1] == sign


def _show(cells: Iterable[str]) -> str:
    return " | ".join(repr(cell if len(cell) <= 30 else cell[:27] + "...") for cell in cells)
