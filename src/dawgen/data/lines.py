"""Text files line by line, plain or gzipped, of any size; errors name the line."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from dawgen.columns import show_setting
from dawgen.errors import DataError

UTF8 = "utf-8-sig"
# Longer marks first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What files of other kinds begin with, for those that were given a text file's name.
_OTHERS = {
    b"\x1f\x8b": ("a gzip file", "Give its name the end .gz."),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Unpack it, or save the sheet as CSV (UTF-8)."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV (UTF-8)."),
    b"PAR1": ("a Parquet file", "Give its name the end .parquet."),
    b"%PDF": ("a PDF", "Copy the texts into a CSV file."),
    b"\x89PNG": ("an image", "Give a file of texts."),
}


def iterate_lines(path: Path, newline: str = "\n", encoding: str | None = None) -> Iterator[str]:
    """Yield the lines of a text file with their ends, without a byte order mark; a .gz file is decompressed.

    newline: where lines end, as for `open`: "" means at carriage returns too, as CSV wants it.
    encoding: None for what `find_encoding` finds.

    Raises DataError while it reads: not of that encoding (with line and byte), not a whole gzip file, not readable.
    """
    try:
        found = encoding or find_encoding(path)
        if found.replace("_", "-") == "utf-8":
            found = UTF8
        with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding=found, newline=newline) as text:
            yield from text
    except UnicodeError as error:
        raise (_locate_damage(path) if found == UTF8 else _name_damage(path, found, error)) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a whole gzip file: {error}. Copy it again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def find_encoding(path: Path) -> str:
    """Return what a file says about its encoding: UTF-16 or UTF-32 by its first bytes, else UTF-8."""
    with open_bytes(path) as stream:
        head = stream.read(4)
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if len(head) == 4 and head[1] == head[3] == 0 and head[0] and head[2]:  # two plain letters without a mark
        return "utf-16-le"
    if len(head) == 4 and head[0] == head[2] == 0 and head[1] and head[3]:
        return "utf-16-be"
    return UTF8


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading; one that ends in .gz gives what was compressed."""
    if path.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _locate_damage(path: Path) -> DataError:
    """Return the error about the first byte that is not UTF-8; the decoder itself knows its place in a buffer only."""
    place = 0
    with path.open("rb") as stream:
        head = stream.read(8)
    for mark, (kind, advice) in _OTHERS.items():
        if head.startswith(mark) and not path.name.lower().endswith(".gz"):
            return DataError(f"{path}: expected text, found {kind}.\n{advice}")
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                wrong = line[error.start : error.start + 1]
                western = wrong.decode("cp1252", errors="ignore")
                hint = f", which is {western!r} in Western Europe's cp1252" if western.isprintable() and western else ""
                return DataError(
                    f"{path}:{number}: expected UTF-8, found byte 0x{wrong[0]:02x} at byte {error.start} of "
                    f"the line (byte {place + error.start} of the file){hint}.\n"
                    f"Save the file as UTF-8, or say what it is: {show_setting('encoding', 'cp1252')}."
                )
            place += len(line)
    return DataError(f"{path}: expected UTF-8; the file changes while it is read.")


def _name_damage(path: Path, encoding: str, error: UnicodeError) -> DataError:
    reason = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
    return DataError(
        f"{path}: expected text in {encoding.upper()}, found bytes that are none ({reason}).\n"
        f"Save the file as UTF-8, or say what it is: {show_setting('encoding', 'NAME')}."
    )
