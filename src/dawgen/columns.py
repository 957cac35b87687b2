"""How files are read: the names of their columns, what their labels mean, and how their cells are separated."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer

from dawgen.section import Settings

Quoting = Literal["double", "single", "backslash", "none"]

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " ", "colon": ":"}


def read_word(value: Any) -> Any:
    """Return a word for what YAML may have made of it: whole numbers are taken as they were written.

    Raises ValueError for true and false, of which nobody knows how they were written.
    """
    if isinstance(value, bool):
        raise ValueError(
            'expected a word in quotes, such as "no": YAML makes true and false of yes, no, on and off too'
        )
    return str(value) if isinstance(value, int | float) else value


def read_delimiter(value: Any) -> Any:
    """Return the one character that separates cells, also for its name: comma, semicolon, tab, pipe, space, colon.

    Raises ValueError for what cannot separate cells.
    """
    if not isinstance(value, str):
        return value
    sign = _DELIMITERS.get(value.strip().lower() or value, value)
    if len(sign) != 1 or sign in "\r\n\"'\\":
        raise ValueError(f"expected one character, or one of {', '.join(sorted(_DELIMITERS)[1:])}")
    return sign


def read_encoding(value: Any) -> Any:
    """Return the name of an encoding that Python knows. Raises ValueError for others."""
    if not isinstance(value, str):
        return value
    try:
        "a".encode(value)
        return codecs.lookup(value).name
    except (LookupError, ValueError) as error:
        raise ValueError("expected an encoding such as utf-8, utf-16 or cp1252") from error


Word = Annotated[str, BeforeValidator(read_word)]


class Columns(Settings):
    """How the files of the examples are read; None: as the file itself says."""

    text1: Word | None = None
    """the files' own name of the column with the text, or with the first of a pair"""
    text2: Word | None = None
    """the files' own name of the column with the second text of a pair"""
    label: Word | None = None
    """the files' own name of the column with the label"""
    labels: dict[Word, Word | None] = Field(default_factory=dict)
    """the label that a value in the files stands for, such as {Food: food}; null leaves its rows out"""
    delimiter: Annotated[str, BeforeValidator(read_delimiter)] | None = None
    """what separates the cells of CSV and TSV files (default: found from the file)"""
    quoting: Quoting | None = None
    """how cells are quoted: with double or single quotes, quotes behind backslashes, or not at all (default: found)"""
    encoding: Annotated[str, BeforeValidator(read_encoding)] | None = None
    """how characters are stored in text files (default: UTF-8, or UTF-16 where a file says so)"""

    @model_serializer(mode="wrap")
    def _leave_out(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Files and keys are those of before there was more than names: only what is given."""
        found: dict[str, Any] = dump(self)
        return {name: value for name, value in found.items() if value not in (None, {})}


def show_setting(name: str, value: str) -> str:
    """Return how to give one of these settings on the command line."""
    return f'--set columns.{name}={value} (evaluate, predict: --columns \'{{"{name}": "{value}"}}\')'
