"""Scores of the few shots by prompts that have not learned from them: what a temperature is found on without a dev set.

The rows are dealt into F = 2 folds, each label evenly. For each fold a prompt is trained from the same start on the
other fold and all synthetic rows, for steps * (F - 1) / F steps, so that every row is seen as often as in the whole
training; it then scores the fold. That costs F - 1 = 1 more training.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dawgen.classifier.rows import Source
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.train import Log, Training, count_done, train_prompt
from dawgen.progress import follow
from dawgen.rng import python_rng

FOLDS = 2


@dataclass(frozen=True)
class Part:
    """Some rows of a source."""

    source: Source
    rows: Sequence[int]

    @property
    def labels(self) -> Sequence[int]:
        """The label number of each."""
        return [self.source.labels[row] for row in self.rows]

    @property
    def key(self) -> str:
        """A hash of everything that rows and labels depend on."""
        return hashlib.sha256(json.dumps([self.source.key, *self.rows]).encode()).hexdigest()

    def take(self, rows: Sequence[int]) -> list[list[int]]:
        """Return the rows' token ids."""
        return self.source.take([self.rows[row] for row in rows])


def score_held_out(
    scorer: Scorer, start: Tensor, training: Training, *, log: Log | None = None, checkpoint: Path | None = None
) -> Tensor:
    """Return label log-probabilities [N,K] of the real rows, each from a prompt that has not learned from it.

    start: [P,H], where each prompt begins. training: of the whole prompt; its dev rows are not used. checkpoint: of the
    whole training; those of the folds lie beside it.
    """
    scores = torch.empty(len(training.real.labels), len(scorer.words.ids))
    folds = deal_folds(training.real.labels, training.seed)
    for number, fold in enumerate(folds):
        others = [row for other in folds if other is not fold for row in other]
        steps = math.ceil(training.config.steps * (len(folds) - 1) / len(folds))
        part = replace(
            training,
            real=Part(training.real, sorted(others)),
            dev=None,
            config=training.config.model_copy(update={"steps": steps}),
        )
        place = None if checkpoint is None else name_checkpoint(checkpoint, number)
        marked = None if log is None else _mark(log, number)
        with follow(f"held-out rows, part {number + 1} of {len(folds)}", steps, marked, count_done) as seen:
            trained = train_prompt(scorer, start, part, log=seen, checkpoint=place)
        scores[fold] = scorer.score(training.real.take(fold), trained.prompt, alone=True)
    return scores


def deal_folds(labels: Sequence[int], seed: int, folds: int = FOLDS) -> list[list[int]]:
    """Return the row numbers of each fold; the rows of a label are dealt in turn, in a drawn order."""
    dealt: list[list[int]] = [[] for _ in range(folds)]
    by_label: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        by_label[label].append(row)
    turn = 0
    for label in sorted(by_label):
        rows = by_label[label]
        python_rng(seed, "held out", label).shuffle(rows)
        for row in rows:
            dealt[turn % folds].append(row)
            turn += 1
    return [sorted(rows) for rows in dealt]


def name_checkpoint(checkpoint: Path, fold: int) -> Path:
    """Return the checkpoint of a fold's training, from 0, beside that of the whole one."""
    return checkpoint.with_name(f"fold{fold + 1}.pt")


def _mark(log: Log, fold: int) -> Log:
    return lambda row: log(row | {"stage": f"fold {fold + 1}"})
