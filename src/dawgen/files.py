"""Files that are whole or absent: written under a temporary name in the same folder, then renamed."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TextIO

from dawgen.errors import DataError, name_disk_fault

# Called with a whole temporary file before it takes its place: `dawgen.outputs` keeps what dawgen wrote there.
WATCHED: dict[Path, Callable[[Path], object]] = {}


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary file beside `path`, then rename it; after an error no file is left.

    Raises OSError with the file's name, whatever library wrote it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with name_disk_fault(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            replace_file(temporary, path)
        finally:
            with suppress(OSError):  # what went wrong before is what is worth saying
                temporary.unlink(missing_ok=True)


def replace_file(temporary: Path, path: Path) -> None:
    """Rename a whole file to its place."""
    if (watch := WATCHED.get(path.absolute())) is not None:
        watch(temporary)
    os.replace(temporary, path)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends."""
    write_with(path, lambda temporary: temporary.write_bytes(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON; keys keep their order."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, advice: str = "") -> dict[str, Any]:
    """Return the JSON object of a file. advice: the end of the error message, which says what to do.

    Raises DataError with the file's name if it is missing or damaged, or holds anything but an object.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a file with JSON: {error}.{advice}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(value).__name__}.{advice}")
    return value


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one JSON object per line."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


@contextmanager
def stream_jsonl(*paths: Path) -> Iterator[list[Callable[[dict[str, Any]], object]]]:
    """Open files that are written row by row; yields a function for each that writes one row.

    When the block ends all files are complete; if it raises, none is written. Leftovers of a killed process are
    overwritten.
    """
    temporary = [path.with_name(f".{path.name}.tmp") for path in paths]
    try:
        with ExitStack() as stack:
            streams = [stack.enter_context(_open_rows(*both)) for both in zip(temporary, paths, strict=True)]
            yield [partial(_write_row, stream, place) for stream, place in zip(streams, paths, strict=True)]
        for path, place in zip(temporary, paths, strict=True):
            with name_disk_fault(place):
                replace_file(path, place)
    finally:
        for path in temporary:
            with suppress(OSError):
                path.unlink(missing_ok=True)


@contextmanager
def _open_rows(path: Path, place: Path) -> Iterator[TextIO]:
    with name_disk_fault(place):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w", encoding="utf-8", newline="\n")
    try:
        yield stream
    finally:
        with name_disk_fault(place):
            stream.close()


def _write_row(stream: TextIO, place: Path, row: dict[str, Any]) -> None:
    with name_disk_fault(place):
        stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def hash_file(path: Path) -> str:
    """Return the file's SHA-256 as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_unchanged(path: Path) -> str:
    """Return `hash_file` of a file, which is read again only if its size or time of change is another one."""
    stat = path.stat()
    return _hash_known(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _hash_known(path: Path, size: int, changed: int) -> str:
    return hash_file(path)


def is_place(text: str) -> bool:
    """Return whether there is a file or folder of that name; a text that can be no name is none."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long, a NUL, half of a surrogate pair
        return False


def split_name(argument: str) -> tuple[str | None, str]:
    """Return name and path of NAME=PATH; no name if the whole argument is a path that exists."""
    name, equals, path = argument.partition("=")
    return (name, path) if equals and not Path(argument).exists() else (None, argument)


def describe_changes(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return which settings differ, as "a.b 1 -> 2, ..." (the first four), or "" if none does."""
    there, here = _flatten(found), _flatten(wanted)
    keys = [key for key in sorted({*there, *here}) if there.get(key, "absent") != here.get(key, "absent")]
    return ", ".join(f"{key} {there.get(key, 'absent')!s:.60} -> {here.get(key, 'absent')!s:.60}" for key in keys[:4])


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flatten(inner, f"{prefix}{key}.") if isinstance(inner, dict) else {f"{prefix}{key}": inner}
    return flat
