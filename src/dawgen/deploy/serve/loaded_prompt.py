"""A prompt as the service holds it: what the frozen model needs to answer a row, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dawgen.classifier import causal
from dawgen.classifier.behind import make_inputs
from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.scorer import KEPT_SHARE, Scorer
from dawgen.models.load import Backbone
from dawgen.tasks.task import Task


@dataclass(frozen=True, eq=False)
class LoadedPrompt:
    """One prompt, ready to answer. Compared by identity: rows under way keep theirs when another takes its name.

    labels: [K], in the order of the scorer's words. prompt: [P,H] on the model's device, in its dtype,
    behind the embeddings of a chat template's opening where the scorer has one: all that stands in front of a text.
    asked: [Q,H], all that is read behind a text, prompt included; None for a prompt in front of it.
    scorer: how the model is asked; other prompts of the service ask the same model with scorers of their own.
    shared: a causal model's keys and values of the prompt, [2L,Hkv,P,dh], layer by layer: key, value, key, ...; None
    where the model has none to share. nbytes: what this prompt adds to the memory of the model, prompt and shared.
    temperature: T, by which the row's scores are divided when they become probabilities.
    """

    name: str
    digest: str
    task: Task
    labels: tuple[str, ...]
    prompt: Tensor
    scorer: Scorer
    shared: Tensor | None
    nbytes: int
    asked: Tensor | None = None
    temperature: float = 1.0

    @classmethod
    def of(cls, classifier: PromptClassifier, name: str, digest: str) -> LoadedPrompt:
        """Take the prompt of a loaded or fitted classifier, and compute its keys and values once."""
        scorer, task = classifier.scorer_, classifier.task_
        backbone = scorer.backbone
        # a copy: training the classifier further must not change what is served
        prompt = classifier.prompt_.detach().to(backbone.model.device, backbone.model.dtype, copy=True)
        prompt = scorer.put_front(prompt)
        asked = compute_asked(scorer, prompt)
        shared = compute_shared(backbone, prompt) if asked is None else None
        return cls(
            name=name,
            digest=digest,
            task=task,
            labels=task.labels,
            prompt=prompt,
            scorer=scorer,
            shared=shared,
            nbytes=prompt.nbytes + sum(part.nbytes for part in (shared, asked) if part is not None),
            asked=asked,
            temperature=classifier.temperature_,
        )

    @property
    def length(self) -> int:
        """P, without a chat template's opening."""
        return len(self.prompt) - (len(self.scorer.front) if self.asked is None else 0)

    @property
    def front(self) -> int:
        """How many stored positions a row attends to beside those that are computed for it."""
        return len(self.prompt) if self.shared is not None else 0

    def weigh(self, row: Sequence[int], sharers: int = 1) -> int:
        """Return how many positions the model computes for a row, about: a text under several prompts is read once."""
        if self.asked is None:
            return len(row) if self.shared is not None else len(row) + len(self.prompt)
        text = len(self.scorer.front) + len(row)
        return len(self.asked) + -(-text // min(sharers, KEPT_SHARE))


def compute_asked(scorer: Scorer, prompt: Tensor) -> Tensor | None:
    """Return what the model reads behind a text, [Q,H]; None for a prompt [P,H] in front of it."""
    if scorer.placement == "before":
        return None
    with torch.no_grad():
        return make_inputs(scorer.backbone, prompt[None], scorer.tail, sentinel=scorer.decoder_sentinel)[0]


def compute_shared(backbone: Backbone, prompt: Tensor) -> Tensor | None:
    """Return a causal model's keys and values of a prompt [P,H] as [2L,Hkv,P,dh]; None where it has none to share.

    They are one tensor, so that a batch gathers those of its rows at once; layers of unequal shapes share none.
    """
    with torch.no_grad():
        parts = causal.prefill(backbone, prompt[None])
    if parts is None or len({part.shape for part in parts}) > 1:
        return None
    return torch.cat(parts)
