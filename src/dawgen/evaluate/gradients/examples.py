"""Every synthetic example that was ever drawn: how much it opposed the real gradient, and whether it is mislabelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dawgen.curation.posterior import measure_margin
from dawgen.data import read_shards
from dawgen.evaluate.gradients.numbers import Run, find_conflict
from dawgen.records import Example
from dawgen.scenes import label_pair
from dawgen.scenes.fidelity import has_oracle
from dawgen.tasks import Task

UNREADABLE = "unreadable"
KINDS = ("right", "mislabelled", UNREADABLE)  # the oracle's verdict on a row


@dataclass(frozen=True, slots=True)
class Drawn:
    """One example over all steps that drew it.

    row: its place in the set, from 1. cos, norm, loss: means over its draws, of its own gradient against the real
    batch's mean; projection: mean of cos * norm, the length of its gradient along the real one. conflict: share of
    draws in conflict. margin: log odds in nats of its label against the best other one by the generator, None where
    its shards are gone. oracle: the true label, "unreadable", or None where no oracle knows the task.
    """

    row: int
    example: Example
    drawn: int
    cos: float
    conflict: float
    norm: float
    loss: float
    projection: float
    margin: float | None
    oracle: str | None

    @property
    def kind(self) -> str | None:
        """Return one of `KINDS`, None without an oracle."""
        if self.oracle is None or self.oracle == UNREADABLE:
            return self.oracle
        return "right" if self.oracle == self.example.label else "mislabelled"


def list_drawn(run: Run, synthetic: Sequence[Example], task: Task, margins: dict[Example, float]) -> list[Drawn]:
    """Return every example that a step has drawn, those that oppose the real gradient most first."""
    views = [step.groups["synthetic"] for step in run]
    columns = {
        name: np.concatenate([getattr(view, name) for view in views]) for name in ("numbers", "cos", "norm", "loss")
    }
    order = np.argsort(columns["numbers"], kind="stable")
    numbers, starts = np.unique(columns["numbers"][order], return_index=True)
    drawn = []
    for number, draws in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        cos, norm, example = columns["cos"][draws], columns["norm"][draws], synthetic[number]
        drawn.append(
            Drawn(
                row=number + 1,
                example=example,
                drawn=len(draws),
                cos=float(cos.mean()),
                conflict=float(find_conflict(cos).mean()),
                norm=float(norm.mean()),
                loss=float(columns["loss"][draws].mean()),
                projection=float((cos * norm).mean()),
                margin=margins.get(example),
                oracle=ask_oracle(task.name, example),
            )
        )
    return sorted(drawn, key=lambda one: (one.cos, one.row))


def ask_oracle(task: str, example: Example) -> str | None:
    """Return the example's true label, "unreadable" where the oracle cannot tell, None where the task has no oracle."""
    return (label_pair(task, example) or UNREADABLE) if has_oracle(task) else None


def read_margins(raw: Path, labels: Sequence[str]) -> dict[Example, float]:
    """Return the posterior margin of every candidate whose shards lie in a set's raw/; none where there is no folder.

    Of a text that was written twice under one label the first counts, which is the one that curation keeps.
    """
    margins: dict[Example, float] = {}
    for candidate in read_shards(raw):
        if candidate.logp is not None and candidate.example.label in labels:
            own = labels.index(str(candidate.example.label))
            margins.setdefault(candidate.example, measure_margin(candidate.logp, own))
    return margins


def list_worst(drawn: Iterable[Drawn], most: int, *, least_draws: int = 2) -> list[Drawn]:
    """Return the examples with the lowest mean cos among those drawn more than once, if there are any."""
    rows = list(drawn)
    often = [one for one in rows if one.drawn >= least_draws] or rows
    return sorted(often, key=lambda one: (one.cos, one.row))[:most]
