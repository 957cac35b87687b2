"""Labels of any kind, as scikit-learn has them: texts, whole numbers or truth values; models know them by their names.

A label's name is its text: 3 is "3", True is "True". Predictions come back in the kind that was given.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from dawgen.data.items import as_examples, check_text, describe, list_values
from dawgen.data.rowfile import RowFile
from dawgen.errors import DataError
from dawgen.records import Example

Kind = Literal["text", "int", "float", "bool"]
Label = str | int | float | bool


def name_labels(labels: Any, what: str = "y") -> tuple[list[str], Kind]:
    """Return the names of N labels, and of what kind they all are.

    labels: a list, tuple, array [N] or [N,1] or column of texts, whole numbers (also as floats) or truth values.

    Raises:
        DataError: anything else: None, NaN, fractions, several kinds, several columns.
    """
    values = _list_labels(labels, what)
    kinds = [_find_kind(value, f"{what}, item {place}") for place, value in enumerate(values)]
    if len(set(kinds)) > 1:
        other = next(place for place, kind in enumerate(kinds) if kind != kinds[0])
        raise DataError(
            f"{what}: expected labels of one kind, got {describe(values[0])} (item 0) and {describe(values[other])} "
            f"(item {other}).\nMake them all texts."
        )
    kind = kinds[0] if kinds else "text"
    return [name_label(value, kind) for value in values], kind


def name_label(value: Any, kind: Kind) -> str:
    """Return a label's name: its text, of whole numbers without a fraction."""
    return str(value) if kind == "text" else str(bool(value)) if kind == "bool" else str(int(value))


def sort_classes(names: Sequence[str], kind: Kind) -> list[Label]:
    """Return the labels of these names in their own kind, sorted, as scikit-learn's `classes_` are.

    Raises:
        DataError: a name that no label of this kind has.
    """
    try:
        if kind == "text":
            return sorted(names)
        if kind == "bool":
            return sorted({"True": True, "False": False}[name] for name in names)
        numbers = [int(name) for name in names]
        if [str(number) for number in numbers] != list(names):
            raise ValueError(names)
        return sorted(numbers if kind == "int" else map(float, numbers))
    except (KeyError, ValueError) as error:
        wanted = {"bool": "True and False", "int": "whole numbers", "float": "whole numbers"}[kind]
        raise DataError(
            f"y: expected labels of the task ({', '.join(names)}), got {wanted}.\nGive the labels as texts; "
            "cross_val_predict of scikit-learn makes numbers of them when it is asked for probabilities."
        ) from error


def label_examples(examples: Sequence[Example], names: Sequence[str], what: str) -> list[Example]:
    """Return the examples with these labels in place of their own.

    Raises:
        DataError: there are more of the one than of the other.
    """
    if len(examples) != len(names):
        raise DataError(f"{what}: expected as many labels as texts, got {len(names)} for {len(examples)}.")
    return [Example(one.text1, one.text2, name) for one, name in zip(examples, names, strict=True)]


def read_training(texts: Any, labels: Any = None) -> tuple[Sequence[Example], Kind]:
    """Return the labelled examples of `fit(X, y)`, or of `fit(examples)`, and of what kind the labels are.

    Raises:
        DataError: whatever is none of both, or as many labels as texts are not there.
    """
    if labels is None:
        return as_labelled(texts, "X"), "text"
    examples = as_examples(texts, "X")
    names, kind = name_labels(labels)
    return label_examples(examples, names, "X, y"), kind


def as_labelled(examples: Any, what: str) -> Sequence[Example]:
    """Return labelled examples; rows of a file on disk stay there.

    Raises:
        DataError: anything that is no list of Examples with a label and texts.
    """
    if isinstance(examples, RowFile):
        return examples
    advice = "\nfit requires y to be passed, but the target y is None." if what == "X" else ""
    found = as_examples(examples, what)
    for place, one in enumerate(list_values(examples, what)):
        if not isinstance(one, Example):
            raise DataError(f"{what}, item {place}: expected an Example with its label, got {describe(one)}.{advice}")
        if one.label is None:
            raise DataError(f"{what}, item {place}: expected an Example with its label, got one without.{advice}")
        check_text(one.label, f"{what}, item {place}, label")
    return found


def _list_labels(labels: Any, what: str) -> Sequence[Any]:
    if labels is None:
        raise DataError(f"{what}: expected a label for each text, got None.")
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(labels, pandas.DataFrame):
        if labels.shape[1] != 1:
            raise DataError(f"{what}: expected one column of labels, got {labels.shape[1]}. Give frame['label'].")
        return list(labels.iloc[:, 0])
    if hasattr(labels, "__array__"):
        labels = np.asarray(labels)
        flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if flat.ndim != 1:
            raise DataError(f"{what}: expected one label for each text [N], got an array of {list(labels.shape)}.")
        return list(flat)
    values = list_values(labels, what)
    if any(isinstance(value, Example) for value in values):
        raise DataError(
            f"{what}: expected labels, got Examples.\nA synthetic set is given by its name: fit(real, synthetic=...)."
        )
    return values


def _find_kind(value: Any, where: str) -> Kind:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        check_text(value, where)
        return "text"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return "float"
    missing = value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
    advice = "Labels are texts, whole numbers or truth values; continuous numbers are no classes."
    if missing:
        advice = "Leave rows without a label out."
    raise DataError(f"{where}: expected a label, got {describe(value)}.\n{advice}")
