"""What users hand over in Python: texts, pairs of texts or examples, in lists, arrays, series or tables of columns.

The door of every function that takes such: what is none of these is refused by its kind and place, never read as
something else (a table's column names, a dictionary's keys).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dawgen.errors import DataError
from dawgen.records import Example

Item = Example | tuple[str, str] | str

# Classes that hold columns or one column, by the module that has them once it is loaded: none of them is loaded here.
_TABLES = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"), ("datasets", "Dataset"))
_COLUMNS = (("pandas", "Series"), ("pandas", "Index"), ("polars", "Series"), ("pyarrow", "ChunkedArray"))
_WANTED = "expected a list, array or column of texts, pairs of texts or Examples, or a table with text or text1, text2"


def as_examples(items: Any, what: str = "items") -> list[Example]:
    """Return examples from texts, pairs of texts or examples: N of them as a list, tuple, array [N], [N,1] or [N,2],
    pandas or polars column, or a table with the column text, or text1 and text2 (pandas, polars, pyarrow, datasets).

    what: how errors call them.

    Raises:
        DataError: anything else, such as one text, None, a generator, a dictionary or numbers; items of two kinds; a
            text that no file can hold.
    """
    examples = [_read_item(item, f"{what}, item {place}") for place, item in enumerate(list_values(items, what))]
    pairs = [example.text2 is not None for example in examples]
    if any(pairs) and not all(pairs):
        one, other = pairs.index(True), pairs.index(False)
        raise DataError(
            f"{what}: expected pairs or single texts throughout, got a pair (item {one}) and a single text (item "
            f"{other}).\nSplit them into two lists."
        )
    return examples


def list_values(values: Any, what: str) -> Sequence[Any]:
    """Return the rows of a list, array, column or table; of a table with two texts they are pairs.

    Raises:
        DataError: it is none, and what it is.
    """
    if _is_one(values, _TABLES):
        return _read_table(values, what)
    if _is_one(values, _COLUMNS):
        return cast("Sequence[Any]", values.to_pylist() if hasattr(values, "to_pylist") else list(values))
    if hasattr(values, "__array__"):
        return _read_array(np.asarray(values), what)
    if isinstance(values, Sequence) and not isinstance(values, (str, bytes, bytearray)):
        return values
    advice = "Put it in a list." if isinstance(values, (str, bytes, Example)) else f"Give {_list_call(values)}."
    raise DataError(f"{what}: {_WANTED}; got {describe(values)}.\n{advice}")


def check_text(text: Any, what: str) -> None:
    """Raise DataError where a text is none, or holds half of a character, which no file and no tokenizer can."""
    if not isinstance(text, str):
        raise DataError(f"{what}: expected a text, got {describe(text)}.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{what}: expected a text, got one with the lone surrogate {text[error.start]!a} at character "
                f"{error.start}, "
                'from wrong decoding.\nRead the file as UTF-8, or text.encode("utf-8", "replace").decode().'
            ) from error


def describe(value: Any) -> str:
    """Return what a value is, for errors: `one text, 'a dog'`, `a dictionary`, `nan (float)`."""
    known = {str: "one text", bytes: "bytes", Example: "one Example"}
    for kind, name in known.items():
        if isinstance(value, kind):
            return f"{name}, {value!r:.60}".encode(errors="backslashreplace").decode()
    if value is None:
        return "None"
    if isinstance(value, Mapping):
        return "a dictionary" if type(value) is dict else f"a dictionary, {value!r:.60}"
    if isinstance(value, Set):
        return "a set, which has no order"
    if isinstance(value, Iterator):
        return f"a {type(value).__name__}, which can be read once only"
    return f"{value!r:.60} ({type(value).__name__})"


def _read_item(item: Any, where: str) -> Example:
    if isinstance(item, Example):
        example = item
    elif isinstance(item, str):
        example = Example(str(item))
    elif (isinstance(item, (tuple, list)) or _is_one(item, (("numpy", "ndarray"),))) and len(item) == 2:
        for place, text in enumerate(item, 1):
            check_text(text, f"{where}, text{place}")
        example = Example(str(item[0]), str(item[1]))
    else:
        raise DataError(f"{where}: expected an Example, a pair of texts or a text, got {describe(item)}.")
    check_text(example.text1, where)
    if example.text2 is not None:
        check_text(example.text2, where)
    return example


def _read_table(table: Any, what: str) -> list[Any]:
    names = list(table.column_names if hasattr(table, "column_names") else table.columns)
    if names.count("text") + names.count("text1") == 1 and names.count("text2") <= names.count("text1"):
        wanted = ["text"] if "text" in names else ["text1", "text2"] if "text2" in names else ["text1"]
        found = [list_values(table[name], f"{what}, column {name}") for name in wanted]
        return list(found[0]) if len(found) == 1 else list(zip(*found, strict=True))
    shown = ", ".join(map(str, names[:12])) or "none"
    raise DataError(
        f"{what}: expected a table with the column text, or text1 and text2, got the columns {shown}.\n"
        "Rename them, or give one column of texts."
    )


def _read_array(array: NDArray[Any], what: str) -> Sequence[Any]:
    if array.dtype.kind not in "OUT" and array.size:
        kind = "Complex data not supported" if array.dtype.kind == "c" else f"an array of {array.dtype}"
        raise DataError(f"{what}: expected texts, got {kind} {list(array.shape)}.")
    if array.ndim == 1:
        return cast("Sequence[Any]", array.tolist())
    if array.ndim == 2 and array.shape[1] == 1:
        return cast("Sequence[Any]", array[:, 0].tolist())
    if array.ndim == 2 and array.shape[1] == 2:
        return [tuple(row) for row in array.tolist()]
    raise DataError(f"{what}: expected an array [N] of texts or [N,2] of pairs, got one of {list(array.shape)}.")


def _is_one(value: Any, kinds: Sequence[tuple[str, str]]) -> bool:
    loaded = [(sys.modules.get(module), name) for module, name in kinds]
    return any(isinstance(value, getattr(module, name, ())) for module, name in loaded if module is not None)


def _list_call(values: Any) -> str:
    if isinstance(values, Mapping):
        return "the texts that it holds, as a list"
    return (
        "list(...) of it" if isinstance(values, (Iterator, Set)) or hasattr(values, "__iter__") else "a list of texts"
    )
