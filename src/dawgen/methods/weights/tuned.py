"""A copy of the target whose own weights are trained: it scores, predicts and counts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dawgen.classifier.predict import Item, as_examples, number_labels
from dawgen.classifier.rows import LazyRows, Rows
from dawgen.classifier.score import bucket, choose_budget, pad, read_state, score_batch
from dawgen.methods.interface import Given, make_empty_prompt
from dawgen.models.load import Backbone
from dawgen.prompt.label_words import resolve_label_words
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Example


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
        self.backbone, self.task, self.config = backbone, given.task, given.target
        self.prompt = make_empty_prompt(backbone) if prompt is None else prompt
        self.head, self.template = head, given.task.template if template is None else template
        self.words = resolve_label_words(backbone.tokenizer, given.task.labels, given.task.label_words)
        self.parameters = [p for p in backbone.model.parameters() if p.requires_grad]
        self.parameters += [] if head is None else list(head.parameters())
        self.parameters += [] if prompt is None else [self.prompt]
        self.trainable_ = sum(parameter.numel() for parameter in self.parameters)
        self.dev_accuracy_: float | None = None
        self.warnings_: list[str] = []

    def score(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Return label log-probabilities [B,K] of one batch of token ids, with gradient in the trained weights."""
        ids, mask = pad(rows, self.backbone)
        sentinel = self.config.decoder_sentinel
        if self.head is None:
            return score_batch(self.backbone, ids, mask, self.words.ids, self.prompt, decoder_sentinel=sentinel)
        state = read_state(self.backbone, ids, mask, self.prompt, decoder_sentinel=sentinel)
        return torch.log_softmax(self.head(state.float()), -1)

    @torch.no_grad()
    def score_all(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Return label log-probabilities [N,K] in float32 on the CPU, in the order of the rows."""
        result = torch.empty(len(rows), len(self.task.labels))
        lengths = [len(row) + len(self.prompt) for row in rows]
        for batch in bucket(lengths, choose_budget(self.backbone.model.device.type)):
            result[batch] = self.score([rows[row] for row in batch]).cpu()
        return result

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""
        examples, classes = as_examples(items), np.array(self.task.labels, dtype=object)
        return np.asarray(classes[self.score_all(self._render(examples).ids).argmax(1).numpy()])

    def count_cut(self, items: Iterable[Item]) -> int:
        """Return how many items lose the end of a text."""
        cut: int = self._render(as_examples(items)).cut
        return cut

    def save(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        """Write nothing: a whole model for each comparison would fill the disk."""

    def draw(self, examples: Sequence[Example], what: str) -> LazyRows:
        """Return the examples as rows that are rendered when a step takes them."""
        return LazyRows(examples, self.task.labels, what, self._render, (self.template, self._limit))

    def render(self, examples: Sequence[Example], what: str) -> tuple[Rows, int]:
        """Return the examples as rows, and how many of them were cut."""
        labels = number_labels(examples, self.task.labels, what)
        rendered = self._render(examples)
        return Rows(rendered.ids, labels), rendered.cut

    @property
    def _limit(self) -> int:
        return limit_tokens(self.backbone, self.config.max_tokens, len(self.prompt))

    @property
    def _render(self) -> Any:
        return partial(render, template=self.template, backbone=self.backbone, max_tokens=self._limit)


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
