"""A prompt as the service holds it: what the frozen model needs to answer a row, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dawgen.classifier import causal
from dawgen.classifier.estimator import PromptClassifier
from dawgen.models.load import Backbone
from dawgen.prompt.template import Rendered, limit_tokens, render
from dawgen.records import Example
from dawgen.tasks.task import Task


@dataclass(frozen=True, eq=False)
class LoadedPrompt:
    """One prompt, ready to answer. Compared by identity: rows under way keep theirs when another takes its name.

    prompt: [P,H] on the model's device, in its dtype. word_ids: [K] ids of the label words, in the order of `labels`.
    max_tokens: of a row, already limited to what the model's window leaves beside the prompt.
    shared: a causal model's keys and values of the prompt, [2L,Hkv,P,dh], layer by layer: key, value, key, ...; None
    where the model has none to share. nbytes: what this prompt adds to the memory of the model, prompt and shared.
    """

    name: str
    digest: str
    task: Task
    labels: tuple[str, ...]
    prompt: Tensor
    word_ids: tuple[int, ...]
    template: str
    max_tokens: int
    decoder_sentinel: bool
    shared: Tensor | None
    nbytes: int

    @classmethod
    def of(cls, classifier: PromptClassifier, name: str, digest: str) -> LoadedPrompt:
        """Take the prompt of a loaded or fitted classifier, and compute its keys and values once.

        Raises:
            ConfigError: the prompt leaves no room for a text in the model's window.
        """
        backbone, task = classifier.backbone_, classifier.task_
        # a copy: training the classifier further must not change what is served
        prompt = classifier.prompt_.detach().to(backbone.model.device, backbone.model.dtype, copy=True)
        shared = compute_shared(backbone, prompt)
        return cls(
            name=name,
            digest=digest,
            task=task,
            labels=task.labels,
            prompt=prompt,
            word_ids=classifier.label_words_.ids,
            template=task.template,
            max_tokens=limit_tokens(backbone, classifier.max_tokens, len(prompt)),
            decoder_sentinel=classifier.decoder_sentinel and backbone.kind == "seq2seq",
            shared=shared,
            nbytes=prompt.nbytes + (0 if shared is None else shared.nbytes),
        )

    def render(self, backbone: Backbone, examples: Sequence[Example]) -> Rendered:
        """Return the examples' token ids, each at most `max_tokens`, and which of them had a text cut.

        Raises:
            DataError: a pair where the task has one text, or the reverse.
        """
        return render(examples, template=self.template, backbone=backbone, max_tokens=self.max_tokens)


def compute_shared(backbone: Backbone, prompt: Tensor) -> Tensor | None:
    """Return a causal model's keys and values of a prompt [P,H] as [2L,Hkv,P,dh]; None where it has none to share.

    They are one tensor, so that a batch gathers those of its rows at once; layers of unequal shapes share none.
    """
    with torch.no_grad():
        parts = causal.prefill(backbone, prompt[None])
    if parts is None or len({part.shape for part in parts}) > 1:
        return None
    return torch.cat(parts)
