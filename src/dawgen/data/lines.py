"""Text files line by line, plain or gzipped, of any size; errors name the line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from dawgen.errors import DataError


def iterate_lines(path: Path, newline: str = "\n") -> Iterator[str]:
    """Yield the lines of a UTF-8 file with their ends, without a byte order mark; a .gz file is decompressed.

    newline: where lines end, as for `open`: "" means at carriage returns too, as CSV wants it.

    Raises DataError while it reads: not UTF-8 (with line and byte), not a whole gzip file, not readable.
    """
    try:
        with _open_bytes(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline=newline) as text:
            yield from text
    except UnicodeDecodeError as error:
        raise _locate_damage(path) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a whole gzip file: {error}. Copy it again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error


def _open_bytes(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _locate_damage(path: Path) -> DataError:
    """Return the error about the first byte that is not UTF-8; the decoder itself knows its place in a buffer only."""
    place = 0
    with _open_bytes(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return DataError(
                    f"{path}:{number}: expected UTF-8, found byte 0x{line[error.start]:02x} at byte {error.start} of "
                    f"the line (byte {place + error.start} of the file).\nSave the file as UTF-8."
                )
            place += len(line)
    return DataError(f"{path}: expected UTF-8; the file changes while it is read.")
