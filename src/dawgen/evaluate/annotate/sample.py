"""The blind sample: real rows, rows of one or more synthetic sets and control rows, which the page shows alike."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import Any

from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.controls import list_faults, spoil
from dawgen.evaluate.annotate.nearest import find_nearest
from dawgen.records import Example, pair_key
from dawgen.rng import derive_seed, python_rng
from dawgen.tasks import Task

REAL, CONTROL = "real", "control"
MOST = 20_000  # real rows that are searched for the most similar one


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the sample.

    id: says nothing about the source. label: the one that is shown. nearest: the most similar other real row.
    source: "real", "control" or the set's name; fault: what is wrong with a control; row: its number in the source,
    from 1. These three are never shown.
    """

    id: str
    text1: str
    text2: str | None
    label: str
    nearest: Example | None
    source: str
    fault: str | None
    row: int

    def show(self) -> dict[str, Any]:
        """Return what an annotator may see, as JSON values."""
        near = self.nearest and {"text1": self.nearest.text1, "text2": self.nearest.text2}
        return {"id": self.id, "text1": self.text1, "text2": self.text2, "label": self.label, "nearest": near}

    def as_row(self) -> dict[str, Any]:
        """Return the item as a line of sample.jsonl."""
        return asdict(self)

    @classmethod
    def from_row(cls, fields: Mapping[str, Any]) -> Item:
        """Return the item of a line of sample.jsonl."""
        near = fields["nearest"]
        return cls(**{**fields, "nearest": near and Example(**near)})


@dataclass(frozen=True, slots=True)
class Drawn:
    """An example of a source, its number there, and for a control what is wrong and which real rows it was made of."""

    example: Example
    source: str
    row: int
    fault: str | None = None
    made_of: tuple[Example, ...] = ()


def draw_sample(
    sets: Mapping[str, Sequence[Example]],
    real: Sequence[Example],
    task: Task,
    *,
    rows: int,
    controls: int,
    seed: int,
) -> list[Item]:
    """Return the sample in a random order: the same for the same examples and seed.

    rows: of the real data and of each set, evenly over the labels, so that sources are compared on the same labels; a
    source with fewer gives all. controls: rows in all, the faults in turn; they are made of real rows that are not in
    the sample as long as there are any. Of real rows with the same texts the first counts.

    Raises ConfigError for wrong numbers or names, DataError for rows that are not of the task.
    """
    _check(sets, real, task, rows, controls)
    known = {pair_key(row.example): row for row in reversed(_number(real, REAL))}
    pool = _shuffle_evenly(list(known.values()), task.labels, seed)
    drawn = [replace(row, made_of=(row.example,)) for row in pool[:rows]]
    for name, examples in sets.items():
        drawn += _shuffle_evenly(_number(examples, name), task.labels, seed)[:rows]
    drawn += _make_controls(pool[rows:] + pool[:rows], task, controls, python_rng(seed, "annotate/controls"))
    python_rng(seed, "annotate/sample").shuffle(drawn)
    return _finish(drawn, [row.example for row in pool[:MOST]], seed)


def order_items(items: Sequence[Item], annotator: str, seed: int) -> list[Item]:
    """Return the items in the annotator's own order, so that everybody is tired at other rows."""
    return python_rng(seed, f"annotate/order/{annotator}").sample(items, len(items))


def _check(
    sets: Mapping[str, Sequence[Example]], real: Sequence[Example], task: Task, rows: int, controls: int
) -> None:
    if rows < 1 or controls < 0:
        raise ConfigError(f"expected 1 row or more and 0 controls or more, found {rows} rows and {controls} controls.")
    if not sets:
        raise ConfigError("expected a synthetic set or more, found none. Name a file.")
    if taken := [name for name in sets if name in (REAL, CONTROL) or not name.strip()]:
        raise ConfigError(f"a set cannot be called {taken[0]!r}: choose another name, NAME=FILE.")
    for source, examples in ((REAL, real), *sets.items()):
        if not examples:
            raise DataError(f"{source}: expected rows, found none.")
        for number, example in enumerate(examples, start=1):
            if example.label not in task.labels or (example.text2 is None) == task.pair:
                wanted = f"{'a pair' if task.pair else 'one text'} labelled {' or '.join(task.labels)}"
                found = f"{'one text' if example.text2 is None else 'a pair'} labelled {example.label}"
                raise DataError(f"{source} row {number}: expected {wanted}, found {found}.")


def _number(examples: Sequence[Example], source: str) -> list[Drawn]:
    return [Drawn(example, source, number) for number, example in enumerate(examples, start=1)]


def _shuffle_evenly(rows: list[Drawn], labels: Sequence[str], seed: int) -> list[Drawn]:
    """Return the rows of one source in a random order in which the labels take turns, whatever the order given."""
    ordered = sorted(rows, key=lambda row: (row.example.text1, row.example.text2 or "", row.example.label, row.row))
    groups = [[row for row in ordered if row.example.label == label] for label in labels]
    for label, group in zip(labels, groups, strict=True):
        python_rng(seed, f"annotate/{group[0].source}/{label}" if group else "").shuffle(group)
    return [row for turn in zip_longest(*groups) for row in turn if row is not None]


def _make_controls(spare: list[Drawn], task: Task, controls: int, rng: random.Random) -> list[Drawn]:
    """Return control rows; a row that was used is used again only after all others."""
    faults, made = list_faults(task.pair), list[Drawn]()
    others = [row.example for row in spare]
    while len(made) < controls:
        fault = faults[len(made) % len(faults)]
        for place, row in enumerate(spare):
            if (spoiled := spoil(fault, row.example, others, task.labels, rng)) is not None:
                made.append(Drawn(spoiled[0], CONTROL, row.row, fault, tuple(spoiled[1])))
                spare.append(spare.pop(place))
                break
        else:
            faults.remove(fault)  # no row can have it; a copy is always possible
    return made


def _finish(drawn: list[Drawn], pool: list[Example], seed: int) -> list[Item]:
    places = {pair_key(example): place for place, example in enumerate(pool)}
    barred = [{places[key] for key in map(pair_key, row.made_of) if key in places} for row in drawn]
    nearest = find_nearest([row.example for row in drawn], pool, barred)
    return [
        Item(
            id=f"{derive_seed(seed, 'annotate/item', number):016x}"[-12:],
            text1=row.example.text1,
            text2=row.example.text2,
            label=row.example.label or "",
            nearest=None if near is None else replace(pool[near], label=None),
            source=row.source,
            fault=row.fault,
            row=row.row,
        )
        for number, (row, near) in enumerate(zip(drawn, nearest, strict=True))
    ]
