"""Schedules: the real and synthetic rows of each step, a pure function of (seed, step, labels).

Every schedule takes the same number of steps of the same number of rows, 2 * batch_size, so that arms differ in their
data and not in their work. A step never holds a row twice: a source with fewer rows than its share gives all of them,
and its gradient is then the exact one of that source.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil

import numpy as np

from dawgen.config import Schedule
from dawgen.errors import ConfigError
from dawgen.records import Example
from dawgen.rng import python_rng

BOTH = ("pooled", "real_then_synthetic", "synthetic_then_real", "paired")


@dataclass(frozen=True, slots=True)
class Batch:
    """Row numbers of one step; `paired` is the only schedule in which both lists are always filled."""

    real: tuple[int, ...]
    synthetic: tuple[int, ...]


@dataclass(frozen=True)
class Curriculum:
    """The plan of one training run.

    schedule: `real` and `synthetic` use one source. `pooled` shuffles both into one. `paired` (the paper's (Real,Syn))
    takes batch_size rows of each source in each step. `real_then_synthetic` and `synthetic_then_real` (the paper's
    Real->Syn and Syn->Real) run through one source and then through the other within every epoch; `split_epochs` fits
    whole epochs into the steps.
    real, synthetic: the label number of each row; batches are spread evenly over labels. Memory holds the order of one
    pass over each source, 4 bytes per row.
    """

    schedule: Schedule
    real: Sequence[int]
    synthetic: Sequence[int]
    steps: int
    batch_size: int
    seed: int
    _orders: dict[str, tuple[int, array[int]]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rows(self, step: int) -> Batch:
        """Return the rows of a step, 0 <= step < steps."""
        if self.schedule == "paired":
            return Batch(self._take("real", step, self.batch_size), self._take("synthetic", step, self.batch_size))
        if self.schedule == "pooled":
            return self._split_pool(step)
        source, index = self._find_source(step)
        taken = self._take(source, index, 2 * self.batch_size)
        return Batch(taken, ()) if source == "real" else Batch((), taken)

    def _find_source(self, step: int) -> tuple[str, int]:
        if self.schedule in ("real", "synthetic"):
            return self.schedule, step
        size = 2 * self.batch_size
        first, second = ("real", "synthetic") if self.schedule == "real_then_synthetic" else ("synthetic", "real")
        rows = {"real": len(self.real), "synthetic": len(self.synthetic)}
        # A source's passes go on where its last epoch left them: its index counts its own steps only.
        done = {"real": 0, "synthetic": 0}
        for start, turn, end in split_epochs(self.steps, ceil(rows[first] / size), ceil(rows[second] / size)):
            if step < turn:
                return first, done[first] + step - start
            if step < end:
                return second, done[second] + step - turn
            done[first] += turn - start
            done[second] += end - turn
        raise IndexError(f"expected a step below {self.steps}, got {step}")

    def _take(self, source: str, index: int, size: int) -> tuple[int, ...]:
        """Return the index-th batch of `size` rows from endless shuffled passes; no row twice in a batch.

        A pass ends with its last full batch: the remaining rows wait for the next shuffle.
        """
        labels = {"real": self.real, "synthetic": self.synthetic}[source] if source != "pooled" else self._pool
        if len(labels) <= size:
            return tuple(range(len(labels)))
        number, place = divmod(index, len(labels) // size)
        # The order follows from (seed, source, pass) alone, so a resumed run can ask for any step; one pass is kept.
        if source not in self._orders or self._orders[source][0] != number:
            self._orders[source] = (number, order_pass(labels, self.seed, source, number))
        return tuple(self._orders[source][1][place * size : (place + 1) * size])

    @cached_property
    def _pool(self) -> array[int]:
        return array("i", itertools.chain(self.real, self.synthetic))

    def _split_pool(self, step: int) -> Batch:
        offset = len(self.real)
        rows = self._take("pooled", step, 2 * self.batch_size)
        return Batch(tuple(r for r in rows if r < offset), tuple(r - offset for r in rows if r >= offset))


def choose_schedule(schedule: Schedule, real: Sequence[Example], synthetic: Sequence[Example]) -> Schedule:
    """Return the schedule of these rows: `paired` without synthetic ones is `real`.

    Raises:
        ConfigError: a schedule that there is not, or whose rows are missing.
    """
    if schedule == "paired" and not synthetic and real:
        return "real"
    needed = {"real": (real,), "synthetic": (synthetic,)}.get(schedule, (real, synthetic))
    if schedule not in (*BOTH, "real", "synthetic"):
        raise ConfigError(f"schedule: expected real, synthetic, {', '.join(BOTH)}, got {schedule!r}.")
    if not all(needed):
        raise ConfigError(f"schedule {schedule}: expected real and synthetic examples as it needs, got none.")
    return schedule


def split_epochs(steps: int, first: int, second: int) -> list[tuple[int, int, int]]:
    """Fit whole epochs of `first` + `second` steps into `steps`: a list of (start, turn, end), end not included.

    The number of epochs is the nearest that fits, at least one. Each is stretched or cut a little, so that training
    always ends with the second source. Each source has its share of an epoch by size, and at least one step.
    """
    # An epoch needs two steps, one for each source: hence steps // 2.
    epochs = max(1, min(round(steps / (first + second)), steps // 2))
    bounds = [round(steps * k / epochs) for k in range(epochs + 1)]
    plan = []
    for start, end in itertools.pairwise(bounds):
        share = round((end - start) * first / (first + second))
        plan.append((start, start + max(1, min(share, end - start - 1)), end))
    return plan


def order_pass(labels: Sequence[int], seed: int, purpose: str, number: int) -> array[int]:
    """Return all row numbers, shuffled, with each label spread evenly over the pass."""
    rng = python_rng(seed, f"pass over {purpose} rows", number)
    shuffled, places = array("i"), array("d")
    for label in sorted(set(labels)):
        rows = [row for row, own in enumerate(labels) if own == label]
        rng.shuffle(rows)
        # One row of the label at a random place in each of n equal parts of the pass: any batch of neighbours then has
        # nearly the label shares of the whole source.
        places.extend((place + rng.random()) / len(rows) for place in range(len(rows)))
        shuffled.extend(rows)
    order = np.lexsort((shuffled, places))  # by place; rows at equal places by number, so that the order is defined
    return array("i", np.asarray(shuffled)[order].tobytes())
