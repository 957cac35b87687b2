"""Training rows as token ids: rendered at once for a few examples, and step by step for a set of any size."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dawgen.classifier.predict import number_labels
from dawgen.data import RowFile
from dawgen.prompt.template import Rendered
from dawgen.records import Example

CACHE = 8192  # rows whose token ids are kept: a set of usual size is rendered once, whatever the number of passes

Render = Callable[[Sequence[Example]], Rendered]


class Source(Protocol):
    """Rows by number. labels: the label number of each. key: a hash of everything that rows and labels depend on."""

    @property
    def labels(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def key(self) -> str: ...  # noqa: D102
    def take(self, rows: Sequence[int]) -> list[list[int]]:
        """Return the rows' token ids."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rendered examples: token ids and the label number of each."""

    ids: list[list[int]]
    labels: Sequence[int]

    @property
    def key(self) -> str:
        """A hash of ids and labels."""
        return hashlib.sha256(json.dumps([self.ids, list(self.labels)]).encode()).hexdigest()

    def take(self, rows: Sequence[int]) -> list[list[int]]:
        """Return the rows' token ids."""
        return [self.ids[row] for row in rows]


class LazyRows:
    """Examples that are rendered when a step takes them, so that training does not wait for those that it never sees.

    render: from examples to token ids; manner: everything beside the model that this depends on. cut: numbers of the
    rows taken so far that had a text cut.

    Raises DataError for a label that is not among `labels`.
    """

    def __init__(
        self, examples: Sequence[Example], labels: Sequence[str], what: str, render: Render, manner: Sequence[object]
    ) -> None:
        self.labels = _number(examples, labels, what)
        self.cut: set[int] = set()
        self._examples, self._render = examples, render
        self._ids: dict[int, list[int]] = {}
        self._manner = [*labels, *manner]

    @property
    def key(self) -> str:
        """A hash of the examples and of how they are rendered."""
        digest = hashlib.sha256(json.dumps(self._manner).encode())
        if isinstance(self._examples, RowFile):
            digest.update(self._examples.sha256.encode())
        else:
            for example in self._examples:
                digest.update(repr((example.text1, example.text2, example.label)).encode())
        return digest.hexdigest()

    def take(self, rows: Sequence[int]) -> list[list[int]]:
        """Return the rows' token ids."""
        new = [row for row in rows if row not in self._ids]
        if new:
            rendered = self._render([self._examples[row] for row in new])
            self._ids.update(zip(new, rendered.ids, strict=True))
            self.cut.update(new[place] for place in rendered.cut_rows)
        taken = [self._ids[row] for row in rows]
        for row in list(self._ids)[: max(0, len(self._ids) - CACHE)]:  # the oldest
            del self._ids[row]
        return taken


def _number(examples: Sequence[Example], labels: Sequence[str], what: str) -> array[int]:
    if not isinstance(examples, RowFile):
        return array("i", number_labels(examples, labels, what))
    unknown = [examples.labels.index(number) for number, name in enumerate(examples.names) if name not in labels]
    if unknown:
        number_labels(examples[: min(unknown) + 1], labels, what)  # says what is wrong with the last of them
    own = [list(labels).index(str(name)) for name in examples.names]
    return array("i", (own[number] for number in examples.labels))
