"""The interface of methods: few real examples, maybe other texts, in; a classifier out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dawgen.config import SEED, BaselineConfig, TargetConfig
from dawgen.records import Example
from dawgen.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from dawgen.classifier.train import Log
    from dawgen.data.items import Item
    from dawgen.models.load import Backbone

    Fit = Callable[[Backbone, "Given"], "Classifier"]


@dataclass(frozen=True)
class Given:
    """The inputs of a method; each takes what it needs.

    real: the few shots. synthetic: a set, None where there is none. unlabelled: plain texts. dev: chooses the best
    checkpoint. per_label: rows per label of sets, written or edited. log gets a dict per step; under another "stage"
    than "target" it is a step of an earlier training. checkpoint: the file from which a killed training is resumed; a
    method with two trainings puts another beside it. weigh: whether rows of rare
    labels weigh more in the loss. facts: the method's own entries for metrics.json.
    """

    task: Task
    real: Sequence[Example]
    synthetic: Sequence[Example] | None = None
    unlabelled: Sequence[str] | None = None
    dev: Sequence[Example] | None = None
    seed: int = SEED
    per_label: int = 1
    target: TargetConfig = field(default_factory=TargetConfig)
    baselines: BaselineConfig = field(default_factory=BaselineConfig)
    log: Log | None = None
    checkpoint: Path | None = None
    weigh: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def log_as(self, stage: str) -> Log | None:
        """Return a log for a training that comes before the method's own."""
        log = self.log
        return None if log is None else lambda row: log(row | {"stage": stage})

    def checkpoint_as(self, name: str) -> Path | None:
        """Return the checkpoint's file for a training that comes before the method's own."""
        return None if self.checkpoint is None else self.checkpoint.with_name(f"{name}.pt")


class Classifier(Protocol):
    """The result of a method. trainable_: how many numbers were trained. dev_accuracy_: of the checkpoint that was
    kept, None without a dev set. ended_: the step after which training ended, and why, None where it was the last one.
    warnings_: for metrics.json. temperature_, tempered_: T, by which scores are divided before they become
    probabilities, and how it was found; None for a method that has none."""

    trainable_: int
    dev_accuracy_: float | None
    ended_: tuple[int, str] | None
    warnings_: list[str]
    temperature_: float | None
    tempered_: str | None

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""

    def score_labels(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return label log-probabilities [N,K], before any temperature, in the order of the task's labels."""

    def count_cut(self, items: Iterable[Item]) -> int:
        """Return how many items lose the end of a text."""

    def save(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        """Write what should be kept, if anything."""


class Untrained:
    """A classifier that only scores. score: from examples to label log-probabilities [N,K]."""

    def __init__(self, labels: Sequence[str], score: Callable[[Sequence[Example]], NDArray[np.float32]]) -> None:
        self.trainable_, self.warnings_ = 0, list[str]()
        self.dev_accuracy_: float | None = None
        self.ended_: tuple[int, str] | None = None
        self.temperature_: float | None = None
        self.tempered_: str | None = None
        self._labels = labels
        self._score = score

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""
        import numpy as np

        return np.asarray(np.array(self._labels, dtype=object)[self.score_labels(items).argmax(1)])

    def score_labels(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return label log-probabilities [N,K] in the order of the labels."""
        import numpy as np

        from dawgen.data.items import as_examples

        examples = as_examples(items)
        return self._score(examples) if examples else np.zeros((0, len(self._labels)), dtype=np.float32)

    def count_cut(self, _: Iterable[Item]) -> int:
        """Return 0: nothing is cut, since only what fits beside a text is put before it."""
        return 0

    def save(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        """Write nothing."""


def write_question(backbone: Backbone, task: Task, config: TargetConfig) -> Tensor:
    """Return the prompt [P,H] that asks without training: the question's embeddings where prompts start from them
    (`init: question`), so that it is step 0 of prompt tuning; else none, [0,H]."""
    from dawgen.prompt.initialise import start_prompt
    from dawgen.prompt.question import settle_length

    if config.init != "question":
        return make_empty_prompt(backbone)
    settled = settle_length(config, backbone.tokenizer, task.ask())
    return start_prompt(backbone, (), settled, SEED, question=task.ask()).to(backbone.model.device)


def make_empty_prompt(backbone: Backbone) -> Tensor:
    """Return a prompt [0,H]."""
    import torch

    return torch.empty(0, backbone.model.get_input_embeddings().weight.shape[1], device=backbone.model.device)
