"""JSON Lines and JSON to objects that know their place; also one object, and objects over several lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from dawgen.columns import Columns
from dawgen.data.lines import iterate_lines
from dawgen.errors import DataError

Fields = dict[str, Any]
_SPACE = " \t\r\n"


class _TwinError(ValueError):
    """An object has a key twice, of which Python would keep the last."""


def _refuse_twins(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwinError(next(name for name in names if names.count(name) > 1))
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_twins)


def parse_json(text: str, where: str) -> Any:
    """Return the value of a line. Raises DataError with its place for what is not JSON, and for a key that is there
    twice."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise DataError(f"{where}: expected JSON: {error.msg} at column {error.colno} of {shown!r}.") from error
    except (ValueError, RecursionError) as error:
        raise _name_fault(error, where) from error


def read_json_lines(path: Path, columns: Columns) -> Iterator[tuple[Fields, str]]:
    """Yield the object of every line and its place; an array or objects over several lines are read as a whole."""
    lines = iterate_lines(path, encoding=columns.encoding)
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    first = next(numbered, None)
    if first is None:
        return
    if _goes_on(first[1]):
        yield from _read_values("".join(_restore(first, lines)), path, columns)
        return
    fields = parse_json(first[1].rstrip(_SPACE), f"{path}:{first[0]}")
    second = next(numbered, None)
    if second is None and isinstance(fields, dict):
        _refuse_wrapped(fields, str(path), columns)
    yield _check_object(fields, f"{path}:{first[0]}")
    for number, line in chain([second] if second else [], numbered):
        where = f"{path}:{number}"
        yield _check_object(parse_json(line.rstrip(_SPACE), where), where)


def _restore(first: tuple[int, str], lines: Iterator[str]) -> Iterator[str]:
    yield "\n" * (first[0] - 1)
    yield first[1]
    yield from lines


def _goes_on(line: str) -> bool:
    """Return whether a line is the beginning of a value that goes on behind it, or an array."""
    bare = line.strip(_SPACE)
    return bare.startswith("[") or (bare.startswith("{") and bare[-1] in "{[,:")


def _read_values(text: str, path: Path, columns: Columns) -> Iterator[tuple[Fields, str]]:
    """Yield the objects of a text that is one JSON value or several, one behind the other."""
    place, count, line, counted = _skip_space(text, 0), 0, 1, 0
    inside = False  # an array
    while place < len(text) or inside:
        if not inside and text[place] == "[":
            place = _skip_space(text, place + 1)
            inside = text[place : place + 1] != "]"
            place = place if inside else _skip_space(text, place + 1)
            continue
        line, counted = line + text.count("\n", counted, place), place
        count += 1
        where = f"{path} item {count}" if inside else f"{path}:{line}"
        try:
            value, place = _DECODER.raw_decode(text, place)
            place = _skip_space(text, place)
            if inside and text[place : place + 1] not in (",", "]"):
                raise json.JSONDecodeError("Expecting ',' delimiter", text, place)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{error.lineno}: expected JSON: {error.msg} at column {error.colno}.") from error
        except (ValueError, RecursionError) as error:
            raise _name_fault(error, where) from error
        if count == 1 and place == len(text) and isinstance(value, dict):
            _refuse_wrapped(value, str(path), columns)
        yield _check_object(value, where)
        if inside:
            inside = text[place] == ","
            place = _skip_space(text, place + 1)


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _check_object(value: Any, where: str) -> tuple[Fields, str]:
    if not isinstance(value, dict):
        raise DataError(
            f'{where}: expected a JSON object such as {{"text1": "...", "label": "..."}}, found {value!r:.40}.'
        )
    return value, where


def _refuse_wrapped(fields: Fields, where: str, columns: Columns) -> None:
    """Raise DataError for an only object that is no row, but holds the rows or their columns."""
    is_row = any(name in fields for name in ("text", "text1", columns.text1))
    for name, value in fields.items():
        if not is_row and isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            raise DataError(
                f"{where}: expected rows, found one JSON object whose {name!r} holds them.\n"
                f"Write that list alone into the file, for example: jq '.[\"{name}\"]' old.json > new.json"
            )
    if fields and all(isinstance(value, list | dict) for value in fields.values()):
        raise DataError(
            f"{where}: expected an object for every row, found one object of whole columns: {', '.join(fields)}.\n"
            'Write rows, for example with pandas: frame.to_json("new.jsonl", orient="records", lines=True)'
        )


def _name_fault(error: Exception, where: str) -> DataError:
    if isinstance(error, _TwinError):
        return DataError(f"{where}: expected different keys, found {str(error)!r} twice.\nRename or drop one of them.")
    if isinstance(error, RecursionError):
        return DataError(f"{where}: expected a flat JSON object, found one that is nested too deep.")
    return DataError(f"{where}: expected JSON: {' '.join(str(error).split())[:120]}.")  # a number of 4,300 digits
