"""Training rows as token ids: rendered at once for a few examples, and step by step for a set of any size."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dawgen.classifier.scorer import Scorer
from dawgen.data import RowFile
from dawgen.errors import DataError
from dawgen.records import Example

CACHE = 8192  # rows whose token ids are kept: a set of usual size is rendered once, whatever the number of passes


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

    cut: numbers of the rows taken so far that had a text cut.

    Raises DataError for a label that is not among `labels`.
    """

    def __init__(self, scorer: Scorer, examples: Sequence[Example], labels: Sequence[str], what: str) -> None:
        self.labels = number_labels(examples, labels, what)
        self.cut: set[int] = set()
        self._examples, self._scorer = examples, scorer
        self._ids: dict[int, list[int]] = {}
        self._manner = [*labels, scorer.template, scorer.max_tokens, *scorer.front, scorer.chat.closing]

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
            rendered = self._scorer.render([self._examples[row] for row in new])
            self._ids.update(zip(new, rendered.ids, strict=True))
            self.cut.update(new[place] for place in rendered.cut_rows)
        taken = [self._ids[row] for row in rows]
        for row in list(self._ids)[: max(0, len(self._ids) - CACHE)]:  # the oldest
            del self._ids[row]
        return taken


def render_rows(scorer: Scorer, examples: Sequence[Example], labels: Sequence[str], what: str) -> tuple[Rows, int]:
    """Return the examples as rows, all rendered at once, and how many had a text cut.

    Raises DataError for a label that is not among `labels`.
    """
    numbers, rendered = number_labels(examples, labels, what), scorer.render(examples)
    return Rows(rendered.ids, numbers), rendered.cut


def number_labels(examples: Sequence[Example], labels: Sequence[str], what: str) -> array[int]:
    """Return the label number of each example; of a file on disk no text is read.

    Raises:
        DataError: an example without a label, or with one that is not the task's.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    if isinstance(examples, RowFile) and all(name in numbers for name in examples.names):
        return array("i", (numbers[str(examples.names[number])] for number in examples.labels))
    for place, example in enumerate(examples):
        if example.label not in numbers:
            raise DataError(
                f"{what}, example {place}: expected one of the labels {', '.join(labels)}, got {example.label!r}."
            )
    return array("i", (numbers[str(example.label)] for example in examples))
