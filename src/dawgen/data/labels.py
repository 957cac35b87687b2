"""The values of a label column to labels: class names, a task's codes, the user's own mapping, and twins among them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dawgen.columns import Columns
from dawgen.data.formats import Record
from dawgen.data.remarks import Remarks
from dawgen.errors import DataError, suggest
from dawgen.sameness import normalise

if TYPE_CHECKING:
    from dawgen.tasks import Task

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{0,15})?")
_JOINTS = re.compile(r"(?<=\w)[\s_-]+(?=\w)")
_TRUTH = {"true": "1", "false": "0"}
_WHOLE = 1e15  # beyond, floats are not exact


class Labels:
    """Takes the label of each row of a source, and counts them. names: the class names that a column's numbers mean."""

    def __init__(self, given: Columns, task: Task | None, names: Mapping[str, Sequence[str]]) -> None:
        self.given, self.task, self.names = given.labels, task, names
        self.hub = task.hub if task and task.hub else None
        self.counts = Counter[str]()
        self.skipped = Counter[str]()
        self._known: dict[Any, str] = {}  # texts that were taken before

    def take(self, record: Record, column: str) -> str | None:
        """Return the label of a row, None for one that is to be left out. Raises DataError for what is no label."""
        if column not in record.fields:
            raise DataError(f"{record.where}: expected a column {column!r}; {suggest(column, record.fields)}")
        value = record.fields[column]
        if type(value) is str and value in self._known:
            self.counts[self._known[value]] += 1
            return self._known[value]
        raw = self._write(value)
        if self.hub and str(value) in self.hub.skip and raw not in self.given:
            self.skipped[raw] += 1
            return None
        if raw in self.given:
            label = self.given[raw]
            if label is None:
                self.skipped[raw] += 1
                return None
        else:
            _check_value(value, raw, f"{record.where}: expected a label in column {column!r}")
            label = self._name(value, raw, column, record.where)
            if label in self.given and (found := self.given[label]) != label:
                if found is None:
                    self.skipped[label] += 1
                    return None
                label = found
        if self.task and label not in self.task.labels:
            raise DataError(
                f"{record.where}: unknown label {label!r} for task {self.task.name!r}; "
                f"{suggest(label, self.task.labels)}\n"
                f"Correct it, or say which label it is: {show_mapping({label: self._guess(label)})}."
            )
        self.counts[label] += 1
        if type(value) is str:
            self._known[value] = label
        return label

    def describe_skipped(self) -> str:
        """Return the end of the sentence about a file without examples."""
        return f" but {self.skipped.total()} without a label" if self.skipped else ""

    def check_whole(self, source: str, remarks: Remarks) -> None:
        """Say what was left out, and which labels may be one.

        Raises DataError for a single label where no task says that there are more.
        """
        if self.skipped:
            shown = ", ".join(f"{count} with {value!r}" for value, count in self.skipped.items())
            remarks.note(f"{source}: rows left out for their label: {shown}")
        if self.task is not None:
            return
        if len(self.counts) == 1:
            raise DataError(
                f"{source}: expected two labels or more, found only {next(iter(self.counts))!r} in "
                f"{self.counts.total()} rows. Add examples of another label."
            )
        if groups := find_twins(self.counts):
            shown = "; ".join(
                ", ".join(f"{label!r} ({_count(count)})" for label, count in twins.items()) for twins in groups
            )
            common = [(twins, max(twins, key=lambda label: twins[label])) for twins in groups]
            mapping = {label: most for twins, most in common for label in twins if label != most}
            remarks.warn(f"{source}: labels that look like one: {shown}. If they are, say so: {show_mapping(mapping)}")

    def _write(self, value: Any) -> str:
        """Return a value as text; true and false are words of JSON too, which files and tasks can have."""
        raw = show_value(value)
        if isinstance(value, bool) and raw not in self.given:
            known = {*self.given, *(self.task.labels if self.task else ())}
            return next((word for word in (raw, raw.lower()) if word in known), raw)
        return raw

    def _name(self, value: Any, raw: str, column: str, where: str) -> str:
        """Return the name of a value: of the task's codes, then of the source's classes, else its own."""
        if self.hub and self.task and raw not in self.task.labels and raw in self.hub.labels:
            return self.hub.labels[raw]
        if not isinstance(value, int) or isinstance(value, bool) or column not in self.names:
            return raw
        names = self.names[column]
        if 0 <= value < len(names):
            return names[value]
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise DataError(
            f"{where}: expected the number of a class in column {column!r}, 0 to {len(names) - 1} ({shown}), found "
            f"{value}, which stands for no class.\n"
            f"Take these rows out, or leave them out here: {show_mapping({raw: None})}."
        )

    def _guess(self, label: str) -> str:
        """Return the task's label that reads as this one, or any."""
        assert self.task is not None  # only then is a label unknown
        return next((own for own in self.task.labels if find_twins({own: 1, label: 1})), self.task.labels[0])


def show_value(value: Any) -> str:
    """Return a value as `columns.labels` names it: as text, without white space at its ends."""
    return str(value).strip() if isinstance(value, str | int | float) and not _is_huge(value) else ""


def find_twins(counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Return the labels that a reader would take for one, group by group, with their counts.

    >>> find_twins({"food": 3, "Food": 1, "sport": 4, "1": 2, "1.0": 2})
    [{'food': 3, 'Food': 1}, {'1': 2, '1.0': 2}]
    """
    groups: dict[str, dict[str, int]] = {}
    for label, count in counts.items():
        groups.setdefault(_fold(label), {})[label] = count
    return [group for group in groups.values() if len(group) > 1]


def show_mapping(labels: Mapping[str, str | None]) -> str:
    """Return how to say on the command line which label each value stands for; None: its rows are left out."""
    text = json.dumps(labels, ensure_ascii=False)
    shown = "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
    return f"--set columns.labels='{shown}' (evaluate: --columns '{{\"labels\": {shown}}}')"


def name_kind(value: Any) -> str:
    """Return what kind of value it is, for an error about it."""
    kinds = {bool: "true or false", int: "the number", float: "the number", list: "a list", dict: "an object"}
    return "nothing:" if value is None else kinds.get(type(value), "something else:")


def _check_value(value: Any, raw: str, expected: str) -> None:
    if value is None or (isinstance(value, str) and not raw):
        leave = f", or leave rows without one out: {show_mapping({'': None})}" if value is not None else ""
        raise DataError(f"{expected}, found none.\nGive the row a label{leave}.")
    if isinstance(value, float):
        if value != value:
            raise DataError(f"{expected}, found none (NaN).")
        whole = abs(value) < _WHOLE and value == int(value)
        advice = (
            "Whole numbers become such ones where pandas meets an empty cell: fill it, and make the column whole "
            "(astype(int)) or text"
            if whole
            else "Labels are names or whole numbers: give ranges of numbers a name"
        )
        meaning = f"or say what it means: {show_mapping({raw: 'NAME'})}"
        raise DataError(f"{expected}, found the number {value!r}.\n{advice}, {meaning}.")
    if not isinstance(value, str | int) or _is_huge(value):
        raise DataError(f"{expected}, found {name_kind(value)} {_shorten(value)}.")
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{expected}, found one with half a character ({error.reason}). Repair it.") from error


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() > 200  # str() refuses numbers of 4,300 digits


def _shorten(value: Any) -> str:
    return f"of {value.bit_length()} bits" if _is_huge(value) else f"{value!r:.40}"


def _fold(label: str) -> str:
    bare = normalise(label)
    bare = _TRUTH.get(bare, bare)
    if _NUMBER.fullmatch(bare):
        return repr(float(bare))
    return _JOINTS.sub(" ", bare)


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"
