"""Leaks and conflicts: pairs that training shares with held-out data, and pairs that have two labels.

A leak is a pair whose normalised texts are on the other side too, in either order, whatever the labels: a model that
has seen (a, b) has seen most of (b, a). A conflict keeps the order, since (a, b) may entail where (b, a) does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from dawgen.data.read import Row
from dawgen.errors import DataError
from dawgen.records import Example, pair_key
from dawgen.sameness import normalise

Policy = Literal["refuse", "drop"]


@dataclass(frozen=True, slots=True)
class Clash:
    """A row and its twin, of which it is a leak or a conflict."""

    row: Row
    twin: Row


def leak_key(example: Example) -> tuple[str, ...]:
    """Return the normalised texts in sorted order: both sides of a leak have the same key."""
    return tuple(sorted(pair_key(example)))


def place_rows(examples: Iterable[Example], name: str) -> list[Row]:
    """Return rows for examples that were not read from a file; their places are `<name> row 1`, ..."""
    return [Row(example, f"{name} row {number}") for number, example in enumerate(examples, start=1)]


def find_leaks(rows: Iterable[Row], held_out: Iterable[Row]) -> list[Clash]:
    """Return the rows whose texts are in the held-out rows, each with its first twin there."""
    seen: dict[tuple[str, ...], Row] = {}
    for twin in held_out:
        seen.setdefault(leak_key(twin.example), twin)
    return [Clash(row, seen[leak_key(row.example)]) for row in rows if leak_key(row.example) in seen]


def find_conflicts(rows: Iterable[Row]) -> list[Clash]:
    """Return every row whose pair has another label too, each with the first row of another label."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault(pair_key(row.example), []).append(row)
    return [
        Clash(row, next(twin for twin in group if twin.example.label != row.example.label))
        for group in groups.values()
        if len({row.example.label for row in group}) > 1
        for row in group
    ]


def share_sentences(rows: Sequence[Row], held_out: Sequence[Row]) -> float:
    """Return the share of held-out rows that have a text in common with `rows`, in [0, 1]; 0 without held-out rows."""
    texts = {text for row in rows for text in _texts(row)}
    return sum(not texts.isdisjoint(_texts(row)) for row in held_out) / max(1, len(held_out))


def resolve_leaks(rows: Sequence[Row], held_out: Sequence[Row], policy: Policy) -> tuple[list[Row], list[Clash]]:
    """Return the rows that do not leak, and the leaks that were dropped. Held-out rows are never changed.

    Raises DataError under `refuse` if there is a leak, with the count and the first two places.
    """
    leaks = find_leaks(rows, held_out)
    if leaks and policy == "refuse":
        raise DataError(
            f"{leaks[0].row.where}: expected rows that held-out data do not repeat, found {len(leaks)} that they do, "
            f"first {_quote(leaks[0].row)}, which is {leaks[0].twin.where}.\n"
            "Take them out of one file, or let them be left out of training: --leaks drop."
        )
    return _without(rows, leaks), leaks


def resolve_conflicts(rows: Sequence[Row], policy: Policy) -> tuple[list[Row], list[Clash]]:
    """Return the rows that no other row contradicts, and the conflicts that were dropped (both sides of each).

    Raises DataError under `refuse` if there is a conflict, with the count and the first two places.
    """
    clashes = find_conflicts(rows)
    if clashes and policy == "refuse":
        row, twin = clashes[0].row, clashes[0].twin
        raise DataError(
            f"{twin.where}: expected one label per example, found {_quote(twin)} as {twin.example.label!r} and in "
            f"{row.where} as {row.example.label!r} ({len(clashes)} such rows).\n"
            "Correct the labels, or let all these rows be left out: --conflicts drop."
        )
    return _without(rows, clashes), clashes


def _texts(row: Row) -> set[str]:
    return {normalise(text) for text in (row.example.text1, row.example.text2) if text is not None}


def _without(rows: Sequence[Row], clashes: Sequence[Clash]) -> list[Row]:
    gone = {id(clash.row) for clash in clashes}
    return [row for row in rows if id(row) not in gone]


def _quote(row: Row) -> str:
    text = row.example.text1
    return repr(text if len(text) <= 40 else text[:37] + "...")
