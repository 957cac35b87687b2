"""A copy of the target whose own weights are trained: it scores, predicts and counts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dawgen.classifier.batches import bucket, choose_budget
from dawgen.classifier.scorer import Scorer
from dawgen.data.items import Item, as_examples
from dawgen.methods.interface import Given, make_empty_prompt
from dawgen.models.load import Backbone


class TunedTarget:
    """The classifier of the methods that train weights.

    backbone: a copy, whose trained weights require a gradient. prompt: [P,H] in front of every text, None for none.
    head: from the state at the answer to the labels, None for the label words. template: None takes the task's.
    As with prompts the model stays in eval mode: no dropout, so that a training is a function of data and seed.
    """

    def __init__(
        self,
        backbone: Backbone,
        given: Given,
        *,
        prompt: Tensor | None = None,
        head: nn.Linear | None = None,
        template: str | None = None,
    ) -> None:
        self.task, self.config, self.head = given.task, given.target, head
        self.prompt = make_empty_prompt(backbone) if prompt is None else prompt
        # what a model keeps of a text changes with its weights: the prompt stands in front
        config = given.target.model_copy(update={"placement": "before"})
        scorer = Scorer.of(backbone, given.task, config, prompt_length=len(self.prompt))
        self.scorer = scorer if template is None else replace(scorer, template=template)
        self.parameters = [p for p in backbone.model.parameters() if p.requires_grad]
        self.parameters += [] if head is None else list(head.parameters())
        self.parameters += [] if prompt is None else [self.prompt]
        self.trainable_ = sum(parameter.numel() for parameter in self.parameters)
        self.dev_accuracy_: float | None = None
        self.ended_: tuple[int, str] | None = None
        self.temperature_: float | None = None
        self.tempered_: str | None = None
        self.warnings_: list[str] = []

    def score(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Return label log-probabilities [B,K] of one batch of token ids, with gradient in the trained weights."""
        if self.head is None:
            return self.scorer.score_batch(rows, self.prompt)
        return torch.log_softmax(self.head(self.scorer.read_state(rows, self.prompt).float()), -1)

    @torch.no_grad()
    def score_all(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Return label log-probabilities [N,K] in float32 on the CPU, in the order of the rows."""
        result = torch.empty(len(rows), len(self.task.labels))
        lengths = [len(row) + len(self.scorer.front) + len(self.prompt) for row in rows]
        for batch in bucket(lengths, choose_budget(self.scorer.backbone.model.device.type)):
            result[batch] = self.score([rows[row] for row in batch]).cpu()
        return result

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""
        return np.asarray(np.array(self.task.labels, dtype=object)[self.score_labels(items).argmax(1)])

    def score_labels(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return label log-probabilities [N,K] in the order of the task's labels."""
        return np.asarray(self.score_all(self.scorer.render(as_examples(items)).ids).numpy(), dtype=np.float32)

    def count_cut(self, items: Iterable[Item]) -> int:
        """Return how many items lose the end of a text."""
        return self.scorer.render(as_examples(items)).cut

    def save(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        """Write nothing: a whole model for each comparison would fill the disk."""


class AdaptedTarget(TunedTarget):
    """A target with a trained adapter; adapter: PEFT's model around the same weights."""

    def __init__(self, backbone: Backbone, given: Given, adapter: Any) -> None:
        super().__init__(backbone, given)
        self.adapter = adapter

    def save(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        """Write the adapter as PEFT does, for `PeftModel.from_pretrained`."""
        self.adapter.save_pretrained(folder / "adapter", save_embedding_layers=False)


def thaw(backbone: Backbone) -> Backbone:
    """Return a copy in float32 with all weights trainable; the shared backbone stays frozen and unchanged.

    In half precision most steps of Adam would be lost to rounding.
    """
    return replace(backbone, model=copy.deepcopy(backbone.model).float().requires_grad_(True))
