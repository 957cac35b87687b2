"""One shard: a number of rows, rendered and scored by a process that loads the bundle once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dawgen.classifier.estimator import PromptClassifier
from dawgen.errors import ModelError
from dawgen.methods.kept.probe import has_probe, load_probe
from dawgen.records import Example
from dawgen.stats.temperature import apply_temperature

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dawgen.classifier.probe import Probe
    from dawgen.engine.storage import Store
    from dawgen.models.load import Backbone

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


class Labeller(NamedTuple):
    """A loaded prompt or probe. score: gives label log-probabilities [N,K], in the order of the task's labels, and how
    many rows lost the end of a text. name: of the model that reads the rows. weights: its bytes."""

    score: Callable[[Sequence[Example]], tuple[Tensor, int]]
    name: str
    temperature: float = 1.0
    weights: int = 0


@lru_cache(maxsize=1)
def load_once(worker: Worker) -> Labeller:
    """Return the bundle's prompt or probe, which a process loads once.

    Raises BundleError if it is another one by now.
    """
    if has_probe(worker.bundle):
        return hold_probe(*load_probe(worker.bundle, device=worker.device, digest=worker.digest))
    return hold_prompt(PromptClassifier.load(worker.bundle, device=worker.device, digest=worker.digest))


def hold_prompt(classifier: PromptClassifier) -> Labeller:
    """Return what labels rows with a soft prompt."""
    scorer, prompt = classifier.scorer_, classifier.prompt_

    def score(examples: Sequence[Example]) -> tuple[Tensor, int]:
        rendered = scorer.render(examples)
        return scorer.score(rendered.ids, prompt), rendered.cut

    return Labeller(score, scorer.backbone.name, classifier.temperature_, _count_bytes(scorer.backbone))


def hold_probe(probe: Probe, backbone: Backbone | None) -> Labeller:
    """Return what labels rows with a probe."""

    def score(examples: Sequence[Example]) -> tuple[Tensor, int]:
        return torch.from_numpy(probe.score_labels(examples)), probe.count_cut(examples)

    return Labeller(score, "probe" if backbone is None else backbone.name, weights=_count_bytes(backbone))


def label_rows(labeller: Labeller, examples: Sequence[Example], *, every: bool = False) -> dict[str, Any]:
    """Return {"labels": [N] numbers, "probabilities": [N] of those labels, "cut": rows that lost the end of a text}.

    every: "all" too, [N,K], in the order of the task's labels. Probabilities are those of the bundle's temperature.

    Raises ModelError where the model gives no number for a row.
    """
    scores, cut = labeller.score(examples)
    if not bool(torch.isfinite(scores).all()):
        row = int((~torch.isfinite(scores).all(1)).nonzero()[0])
        raise ModelError(f"{labeller.name}: expected probabilities, got NaN for {examples[row].text1[:60]!r}.")
    labels = scores.argmax(1)
    warm = labeller.temperature != 1
    chances = np.exp(apply_temperature(scores, labeller.temperature) if warm else scores.double().numpy())
    rows = [[round(value, DIGITS) for value in row] for row in chances.tolist()] if every else []
    best = [round(value, DIGITS) for value in chances[np.arange(len(chances)), labels.numpy()].tolist()]
    found = {"labels": labels.tolist(), "probabilities": best, "cut": cut}
    return found | ({"all": rows} if every else {})


def _count_bytes(backbone: Backbone | None) -> int:
    return 0 if backbone is None else sum(part.nbytes for part in backbone.model.parameters())
