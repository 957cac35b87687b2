"""The classifier: a frozen target with a trained soft prompt, by scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor

from dawgen.classifier.behind import check_behind
from dawgen.classifier.curriculum import BOTH
from dawgen.classifier.diagnose import find_collapse, find_dead_rows, find_flip
from dawgen.classifier.items import Item, as_examples
from dawgen.classifier.rows import LazyRows, render_rows
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.train import Log, Training, Watch, train_prompt
from dawgen.config import SEED, Schedule, TargetConfig
from dawgen.errors import BundleError, ConfigError, DataError, DawgenError
from dawgen.models.load import Backbone, load_target, name_dtype
from dawgen.parameters import read_settings, take_settings
from dawgen.prompt.bundle.checks import check_base, describe_base
from dawgen.prompt.bundle.files import clean
from dawgen.prompt.bundle.format import BundleInfo, load_bundle, save_bundle
from dawgen.prompt.bundle.golden import check_golden, golden_examples
from dawgen.prompt.initialise import start_prompt
from dawgen.prompt.label_words import LabelWords
from dawgen.prompt.question import settle_length
from dawgen.records import Example
from dawgen.runtime import pick_device
from dawgen.tasks.task import Task

_DEFAULT = TargetConfig()
JUDGED = 1000  # training rows, at most, by which a prompt without a dev set is judged


class PromptClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifies texts with one frozen model and [P,H] trained numbers.

    Args:
        model: a name or folder, or a loaded `Backbone` that several classifiers share (then `dtype` and `device` are
            its own).
        task: None makes one from the examples.
        schedule: which rows meet in a step; `paired` has as many of each source and operates on their gradients.
        init_from: a prompt [P,H], or another bundle whose prompt to start from.
        device: None takes a GPU if there is one.
        seed: of the prompt's start and the order of rows.
        settings: the fields of `TargetConfig`, each with its default there.

    After `fit`: task_, scorer_ (the target as the task asks it) with backbone_ and label_words_, prompt_ [P,H],
    classes_ [K] (the task's label order), warnings_ (for metrics.json), best_step_ and dev_accuracy_ (None without a
    dev set), ended_ (after which step training ended, and why; None where it was the last one), cut_ (texts of training
    steps and the dev set that were cut to max_tokens), trainable_ (P * H). A saved or loaded one has digest_, its
    bundle's.

    Raises:
        TypeError: a parameter that there is not. Wrong values raise ConfigError in `fit`.

    >>> import dawgen
    >>> real = [
    ...     dawgen.Example("a man is asleep", "a man is sleeping", "entailment"),
    ...     dawgen.Example("a man is asleep", "a man is awake", "contradiction"),
    ... ]
    >>> classifier = dawgen.PromptClassifier("mini-t5", steps=2, prompt_length=4, device="cpu").fit(real)
    >>> classifier.predict_proba([("a girl is singing", "a girl is making music")]).shape
    (1, 2)
    >>> classifier.save("bundle")
    >>> dawgen.PromptClassifier.load("bundle", device="cpu").classes_.tolist()
    ['contradiction', 'entailment']
    """

    @take_settings(TargetConfig)
    def __init__(
        self,
        model: str | Backbone = _DEFAULT.model,
        task: Task | None = None,
        *,
        schedule: Schedule = "paired",
        init_from: str | Path | Tensor | None = None,
        device: str | None = None,
        seed: int = SEED,
        **settings: Any,
    ) -> None:
        """Store the parameters; `fit` checks them."""

    def __sklearn_clone__(self) -> PromptClassifier:
        """Clones share a loaded backbone: it is frozen, and copying it costs its size in memory."""
        return type(self)(**self.get_params(deep=False))

    def fit(
        self,
        real: Sequence[Example],
        synthetic: Sequence[Example] | None = None,
        *,
        dev: Sequence[Example] | None = None,
        log: Log | None = None,
        checkpoint: Path | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Train the prompt; with the schedule `paired` and no synthetic set on the real examples alone.

        dev: keeps the prompt that is best on it. log, checkpoint, watch: see `train_prompt`.

        Raises:
            ConfigError: a wrong setting or label word, or a schedule whose data are missing.
            DataError: an example without a label of the task.
        """
        config, schedule = self._read_settings(), self._choose_schedule(real, synthetic)
        self.task_ = self.task or Task.from_examples(real or synthetic or ())
        labels, backbone, question = self.task_.labels, self._find_backbone(), self.task_.ask()
        config = settle_length(config, backbone.tokenizer, question)
        scorer = Scorer.of(backbone, self.task_, config, prompt_length=config.length)
        real_rows = LazyRows(scorer, real or (), labels, "real examples")
        synthetic_rows = LazyRows(scorer, synthetic or (), labels, "synthetic examples")
        dev_rows, cut = render_rows(scorer, dev, labels, "dev examples") if dev else (None, 0)
        start = start_prompt(backbone, scorer.words.words, config, self.seed, self.init_from, question=question)
        training = Training(real_rows, synthetic_rows, dev_rows, schedule, self.seed, config)
        trained = train_prompt(scorer, start, training, log=log, checkpoint=checkpoint, watch=watch)
        self.prompt_, self.trainable_ = trained.prompt, trained.prompt.numel()
        self.scorer_, self.classes_ = scorer, np.array(labels, dtype=object)
        self.cut_ = cut + len(real_rows.cut) + len(synthetic_rows.cut)
        self.best_step_ = trained.best_step if dev else None
        self.ended_ = None if trained.ended is None else (trained.step, trained.ended)
        self.dev_accuracy_ = trained.best_accuracy if dev else None
        judged, where = (dev, "dev set") if dev else ((real or synthetic or ())[:JUDGED], "training rows")
        truth, predicted = [str(example.label) for example in judged], self.predict(judged).tolist()
        cuts = f"cut: {self.cut_} training or dev examples to {self.max_tokens} tokens or less"
        self.warnings_ = [
            *([cuts] if self.cut_ else []),
            *trained.warnings,
            *find_collapse(truth, predicted, where),
            *(find_flip(truth, predicted, where) if dev else []),
            *find_dead_rows(trained.touched.tolist()),
        ]
        return self

    def predict_log_proba(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return natural logarithms of `predict_proba`, [N,K]."""
        return self.scorer_.score_examples(as_examples(items), self.prompt_)

    def predict_proba(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return label probabilities [N,K] in the order of `classes_`; items are examples, pairs of texts or texts."""
        return np.exp(self.predict_log_proba(items))

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""
        examples = as_examples(items)
        if not examples:
            return np.array([], dtype=object)
        return np.asarray(self.classes_[self.predict_log_proba(examples).argmax(1)])

    def score(self, items: Iterable[Item], labels: Sequence[str] | None = None) -> float:
        """Return the accuracy against `labels`, by default the examples' own.

        Raises:
            DataError: no items, or an item without a label.
        """
        examples = as_examples(items)
        truth = list(labels) if labels is not None else [example.label for example in examples]
        if not truth or len(truth) != len(examples) or None in truth:
            raise DataError("expected labelled examples to score, got none or some without a label.")
        return float(np.mean(self.predict(examples) == np.array(truth, dtype=object)))

    def count_cut(self, items: Iterable[Item]) -> int:
        """Return how many items are too long for max_tokens or the model's window and lose the end of a text."""
        return self.scorer_.render(as_examples(items)).cut

    @property
    def backbone_(self) -> Backbone:
        """The frozen target."""
        return self.scorer_.backbone

    @property
    def label_words_(self) -> LabelWords:
        """The words that answer, in the order of `classes_`."""
        return self.scorer_.words

    def save(self, folder: str | Path, metrics: dict[str, Any] | None = None) -> None:
        """Write a bundle: prompt, all settings, golden outputs, warnings, and `metrics` if given."""
        info = BundleInfo(
            **describe_base(self.backbone_),
            task=self.task_.model_dump(mode="json"),
            template=self.task_.template,
            labels=self.task_.labels,
            label_words=self.label_words_.words,
            label_ids=self.label_words_.stored,
            decoder_sentinel=self.decoder_sentinel,
            max_tokens=self.max_tokens,
            front=self.scorer_.front,
            closing=self.scorer_.chat.closing,
            schedule=self.schedule,
            seed=self.seed,
            settings=self._read_settings().model_copy(update={"prompt_length": len(self.prompt_)}),
            golden=tuple(tuple(row) for row in self._score_golden().tolist()),
            warnings=tuple(self.warnings_),
            metrics=metrics or {},
        )
        self.digest_ = save_bundle(Path(folder), self.prompt_, info)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        model: str | Backbone | None = None,
        *,
        device: str | None = None,
        digest: str | None = None,
    ) -> PromptClassifier:
        """Load a bundle (of this `digest` only) onto its base model, or `model` if that is the same elsewhere.

        Raises:
            BundleError: damaged files, another base model, or golden outputs that are no longer reached.
            ModelError: the base model cannot be found.
        """
        prompt, info = load_bundle(Path(folder), digest=digest)
        kept = {"dtype": info.dtype, "model": model or info.base, "placement": info.settings.placement}
        settings = info.settings.model_dump() | kept
        task = Task.model_validate(info.task)
        self = cls(task=task, schedule=info.schedule, seed=info.seed, device=device, **settings)
        backbone = self._find_backbone()
        try:
            check_base(prompt, info, backbone)
            if info.settings.placement == "behind":
                check_behind(backbone)
            words = LabelWords.of(info.label_words, info.label_ids)
            self.task_, self.digest_, self.metrics_ = task, info.digest, info.metrics
            asked = (info.decoder_sentinel, info.chat, info.settings.placement)
            self.scorer_ = Scorer(backbone, info.template, words, info.max_tokens, *asked).limit(len(prompt))
            self.prompt_, self.trainable_ = prompt.to(backbone.model.device), prompt.numel()
            self.classes_ = np.array(info.labels, dtype=object)
            self.warnings_, self.best_step_, self.dev_accuracy_, self.cut_ = list(info.warnings), None, None, 0
            self.ended_ = None
            check_golden(info, torch.from_numpy(self._score_golden()), name_dtype(backbone))
        except DawgenError as error:
            raise BundleError(f"{folder}: {clean(error)}") from error
        return self

    def _read_settings(self) -> TargetConfig:
        name = self.model.name if isinstance(self.model, Backbone) else self.model
        return read_settings(self, TargetConfig, "target", model=name)

    def _choose_schedule(self, real: Sequence[Example], synthetic: Sequence[Example] | None) -> Schedule:
        schedule: Schedule = self.schedule
        if schedule == "paired" and not synthetic and real:
            return "real"
        needed = {"real": (real,), "synthetic": (synthetic,)}.get(schedule, (real, synthetic))
        if schedule not in (*BOTH, "real", "synthetic"):
            raise ConfigError(f"schedule: expected real, synthetic, {', '.join(BOTH)}, got {schedule!r}.")
        if not all(needed):
            raise ConfigError(f"schedule {schedule}: expected real and synthetic examples as it needs, got none.")
        return schedule

    def _find_backbone(self) -> Backbone:
        if isinstance(self.model, Backbone):
            return self.model
        return load_target(self.model, dtype=self.dtype, device=self.device or pick_device())

    def _score_golden(self) -> NDArray[np.float32]:
        return self.predict_log_proba(golden_examples(self.task_.pair))
