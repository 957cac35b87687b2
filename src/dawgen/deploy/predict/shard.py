"""One shard: a number of rows, rendered and scored by a process that loads the bundle once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.errors import ModelError
from dawgen.records import Example
from dawgen.stats.temperature import apply_temperature

if TYPE_CHECKING:
    from pathlib import Path

    from dawgen.engine.storage import Store

FOLDER = "shards"
DIGITS = 6  # of a probability, in every kind of file


@dataclass(frozen=True, slots=True)
class Worker:
    """What a process needs to label rows. bundle: an absolute folder. threads: of PyTorch, on which bits may depend.
    every: whether each label's probability is kept."""

    bundle: Path
    digest: str
    device: str
    threads: int
    every: bool = False


@dataclass(frozen=True, slots=True)
class Shard:
    """So many rows to label: a piece of work that the engines of `dawgen bench` run."""

    index: int
    examples: tuple[Example, ...]
    worker: Worker

    @property
    def key(self) -> str:
        """The shard's number: what else it depends on stands in the store's settings."""
        return name_shard(self.index)

    @property
    def folder(self) -> str:
        """Where the shards' numbers lie inside the store."""
        return FOLDER

    @property
    def file(self) -> str:
        """The name of the shard's numbers inside the store."""
        return f"{FOLDER}/{self.key}.json"

    @property
    def needs(self) -> tuple[str, ...]:
        """No other shard."""
        return ()

    def is_done(self, store: Store) -> bool:
        """Return whether the shard's numbers are there."""
        return store.exists(self.file)

    def run(self, store: Store) -> dict[str, Any]:
        """Return label numbers and probabilities of the rows, in order, and how many lost the end of a text."""
        torch.set_num_threads(self.worker.threads)
        return label_rows(load_once(self.worker), self.examples, every=self.worker.every)


def name_shard(index: int) -> str:
    """Return the key of a shard."""
    return f"{index:06d}"


@lru_cache(maxsize=1)
def load_once(worker: Worker) -> PromptClassifier:
    """Return the bundle's classifier, which a process loads once. Raises BundleError if it is another bundle by now."""
    return PromptClassifier.load(worker.bundle, device=worker.device, digest=worker.digest)


def label_rows(classifier: PromptClassifier, examples: tuple[Example, ...], *, every: bool = False) -> dict[str, Any]:
    """Return {"labels": [N] numbers, "probabilities": [N] of those labels, "cut": rows that lost the end of a text}.

    every: "all" too, [N,K], in the order of the task's labels. Probabilities are those of the bundle's temperature.

    Raises ModelError where the model gives no number for a row.
    """
    scorer = classifier.scorer_
    rendered = scorer.render(examples)
    scores = scorer.score(rendered.ids, classifier.prompt_)  # [N,K]
    if not bool(torch.isfinite(scores).all()):
        row = int((~torch.isfinite(scores).all(1)).nonzero()[0])
        raise ModelError(f"{scorer.backbone.name}: expected probabilities, got NaN for {examples[row].text1[:60]!r}.")
    labels = scores.argmax(1)
    warm = classifier.temperature_ != 1
    chances = np.exp(apply_temperature(scores, classifier.temperature_) if warm else scores.double().numpy())
    rows = [[round(value, DIGITS) for value in row] for row in chances.tolist()] if every else []
    best = [round(value, DIGITS) for value in chances[np.arange(len(chances)), labels.numpy()].tolist()]
    found = {"labels": labels.tolist(), "probabilities": best, "cut": rendered.cut}
    return found | ({"all": rows} if every else {})
