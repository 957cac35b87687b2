"""A prompt as the service holds it: what the frozen model needs to answer a row, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dawgen.classifier import causal
from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.scorer import Scorer
from dawgen.models.load import Backbone
from dawgen.tasks.task import Task


@dataclass(frozen=True, eq=False)
class LoadedPrompt:
    """One prompt, ready to answer. Compared by identity: rows under way keep theirs when another takes its name.

    labels: [K], in the order of the scorer's words. prompt: [P,H] on the model's device, in its dtype,
    behind the embeddings of a chat template's opening where the scorer has one: all that stands in front of a text.
    scorer: how the model is asked; other prompts of the service ask the same model with scorers of their own.
    shared: a causal model's keys and values of the prompt, [2L,Hkv,P,dh], layer by layer: key, value, key, ...; None
    where the model has none to share. nbytes: what this prompt adds to the memory of the model, prompt and shared.
    """

    name: str
    digest: str
    task: Task
    labels: tuple[str, ...]
    prompt: Tensor
    scorer: Scorer
    shared: Tensor | None
    nbytes: int

    @classmethod
    def of(cls, classifier: PromptClassifier, name: str, digest: str) -> LoadedPrompt:
        """Take the prompt of a loaded or fitted classifier, and compute its keys and values once."""
        scorer, task = classifier.scorer_, classifier.task_
        backbone = scorer.backbone
        # a copy: training the classifier further must not change what is served
        prompt = classifier.prompt_.detach().to(backbone.model.device, backbone.model.dtype, copy=True)
        prompt = scorer.put_front(prompt)
        shared = compute_shared(backbone, prompt)
        return cls(
            name=name,
            digest=digest,
            task=task,
            labels=task.labels,
            prompt=prompt,
            scorer=scorer,
            shared=shared,
            nbytes=prompt.nbytes + (0 if shared is None else shared.nbytes),
        )


def compute_shared(backbone: Backbone, prompt: Tensor) -> Tensor | None:
    """Return a causal model's keys and values of a prompt [P,H] as [2L,Hkv,P,dh]; None where it has none to share.

    They are one tensor, so that a batch gathers those of its rows at once; layers of unequal shapes share none.
    """
    with torch.no_grad():
        parts = causal.prefill(backbone, prompt[None])
    if parts is None or len({part.shape for part in parts}) > 1:
        return None
    return torch.cat(parts)
