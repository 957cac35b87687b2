"""The classifier: a frozen target with a trained soft prompt, by scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor

from dawgen.classifier.curriculum import BOTH
from dawgen.classifier.diagnose import find_collapse, find_dead_rows, find_flip
from dawgen.classifier.predict import Item, as_examples, number_labels, predict_log_probs
from dawgen.classifier.rows import LazyRows, Rows
from dawgen.classifier.train import Log, Watch, train_prompt
from dawgen.config import Dtype, Granularity, Schedule, Surgery, TargetConfig
from dawgen.errors import BundleError, ConfigError, DataError, DawgenError
from dawgen.models.load import Backbone, load_target, name_dtype
from dawgen.prompt.bundle.files import clean
from dawgen.prompt.bundle.format import (
    BundleInfo,
    check_base,
    check_golden,
    describe_base,
    golden_examples,
    load_bundle,
    save_bundle,
)
from dawgen.prompt.initialise import start_prompt
from dawgen.prompt.label_words import LabelWords, resolve_label_words
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Example
from dawgen.tasks.task import Task

_DEFAULT = TargetConfig()
JUDGED = 1000  # training rows, at most, by which a prompt without a dev set is judged


class PromptClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifies texts with one frozen model and [P,H] trained numbers.

    model: a name or folder, or a loaded `Backbone` that several classifiers share (then `dtype` and `device` are its
    own). task: None makes one from the examples. init_from: a prompt [P,H], or another bundle whose prompt to start
    from. The other parameters are `TargetConfig`'s. After `fit`: task_, backbone_, label_words_, prompt_ [P,H],
    classes_ (the task's label order), warnings_ (for metrics.json), best_step_ and dev_accuracy_ (None without a dev
    set), cut_ (texts of training steps and the dev set that were cut to max_tokens), trainable_ (P * H). A saved or
    loaded one has digest_, its bundle's.

        >>> classifier = PromptClassifier("mini-t5", task, steps=150).fit(real, synthetic)
        >>> classifier.predict([("A man sleeps.", "Nobody is awake.")])
        array(['contradiction'], dtype=object)
    """

    def __init__(
        self,
        model: str | Backbone = _DEFAULT.model,
        task: Task | None = None,
        *,
        prompt_length: int = _DEFAULT.prompt_length,
        init: Literal["label_words", "vocabulary", "random"] = _DEFAULT.init,
        optimizer: Literal["adafactor", "adamw"] = _DEFAULT.optimizer,
        lr: float = _DEFAULT.lr,
        decay: Literal["cosine", "constant"] = _DEFAULT.decay,
        weight_decay: float = _DEFAULT.weight_decay,
        steps: int = _DEFAULT.steps,
        batch_size: int = _DEFAULT.batch_size,
        surgery: Surgery = _DEFAULT.surgery,
        granularity: Granularity = _DEFAULT.granularity,
        epsilon: float = _DEFAULT.epsilon,
        label_smoothing: float = _DEFAULT.label_smoothing,
        clip: float = _DEFAULT.clip,
        eval_every: int = _DEFAULT.eval_every,
        max_tokens: int = _DEFAULT.max_tokens,
        decoder_sentinel: bool = _DEFAULT.decoder_sentinel,
        dtype: Dtype = _DEFAULT.dtype,
        schedule: Schedule = "paired",
        init_from: str | Path | Tensor | None = None,
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        self.model = model
        self.task = task
        self.prompt_length = prompt_length
        self.init = init
        self.optimizer = optimizer
        self.lr = lr
        self.decay = decay
        self.weight_decay = weight_decay
        self.steps = steps
        self.batch_size = batch_size
        self.surgery = surgery
        self.granularity = granularity
        self.epsilon = epsilon
        self.label_smoothing = label_smoothing
        self.clip = clip
        self.eval_every = eval_every
        self.max_tokens = max_tokens
        self.decoder_sentinel = decoder_sentinel
        self.dtype = dtype
        self.schedule = schedule
        self.init_from = init_from
        self.device = device
        self.seed = seed

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
        config = self._validate()
        schedule = self._choose_schedule(real, synthetic)
        self.task_ = self.task or Task.from_examples(real or synthetic or ())
        self.backbone_ = self._find_backbone()
        self.label_words_ = resolve_label_words(self.backbone_.tokenizer, self.task_.labels, self.task_.label_words)
        self.classes_, self.cut_ = np.array(self.task_.labels, dtype=object), 0
        drawn = {what: self._draw(data or (), what) for what, data in {"real": real, "synthetic": synthetic}.items()}
        looked_at = self._render(dev, "dev") if dev else None
        trained = train_prompt(
            self.backbone_,
            start_prompt(self.backbone_, self.label_words_.words, config, self.seed, self.init_from),
            self.label_words_.ids,
            drawn["real"],
            drawn["synthetic"],
            config,
            schedule=schedule,
            seed=self.seed,
            dev=looked_at,
            log=log,
            checkpoint=checkpoint,
            watch=watch,
        )
        self.prompt_, self.trainable_ = trained.prompt, trained.prompt.numel()
        self.cut_ += sum(len(source.cut) for source in drawn.values())
        self.best_step_ = trained.best_step if dev else None
        self.dev_accuracy_ = trained.best_accuracy if dev else None
        judged, where = (dev, "dev set") if dev else ((real or synthetic or ())[:JUDGED], "training rows")
        truth, predicted = [str(example.label) for example in judged], self.predict(judged).tolist()
        cut = [f"cut: {self.cut_} training or dev examples to {self.max_tokens} tokens or less"] if self.cut_ else []
        self.warnings_ = [
            *cut,
            *find_collapse(truth, predicted, where),
            *(find_flip(truth, predicted, where) if dev else []),
            *find_dead_rows(trained.touched.tolist()),
        ]
        return self

    def predict_log_proba(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return natural logarithms of `predict_proba`, [N,K]."""
        return self._score(as_examples(items), self.prompt_)

    def predict_proba(self, items: Iterable[Item]) -> NDArray[np.float32]:
        """Return label probabilities [N,K] in the order of `classes_`; items are examples, pairs of texts or texts."""
        return np.exp(self.predict_log_proba(items))

    def predict(self, items: Iterable[Item]) -> NDArray[np.object_]:
        """Return the most likely label of each item, [N]."""
        examples = as_examples(items)
        if not examples:
            return np.array([], dtype=object)
        return np.asarray(self.classes_[self._score(examples, self.prompt_).argmax(1)])

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
        limit = limit_tokens(self.backbone_, self.max_tokens, len(self.prompt_))
        return render(as_examples(items), template=self.task_.template, backbone=self.backbone_, max_tokens=limit).cut

    def save(self, folder: str | Path, metrics: dict[str, Any] | None = None) -> None:
        """Write a bundle: prompt, all settings, golden outputs, warnings, and `metrics` if given."""
        info = BundleInfo(
            **describe_base(self.backbone_),
            task=self.task_.model_dump(mode="json"),
            template=self.task_.template,
            labels=self.task_.labels,
            label_words=self.label_words_.words,
            label_ids=self.label_words_.ids,
            decoder_sentinel=self.decoder_sentinel,
            max_tokens=self.max_tokens,
            schedule=self.schedule,
            seed=self.seed,
            settings=self._validate(),
            golden=tuple(tuple(row) for row in self._golden().tolist()),
            warnings=tuple(self.warnings_),
            metrics=metrics or {},
        )
        self.digest_ = save_bundle(Path(folder), self.prompt_, info)

    @classmethod
    def load(
        cls, folder: str | Path, model: str | Backbone | None = None, *, device: str = "cpu", digest: str | None = None
    ) -> PromptClassifier:
        """Load a bundle (of this `digest` only) onto its base model, or `model` if that is the same elsewhere.

        Raises:
            BundleError: damaged files, another base model, or golden outputs that are no longer reached.
            ModelError: the base model cannot be found.
        """
        prompt, info = load_bundle(Path(folder), digest=digest)
        settings = info.settings.model_dump() | {"dtype": info.dtype, "model": model or info.base}
        task = Task.model_validate(info.task)
        self = cls(task=task, schedule=info.schedule, seed=info.seed, device=device, **settings)
        self.task_, self.backbone_, self.digest_ = task, self._find_backbone(), info.digest
        self.prompt_, self.trainable_ = prompt.to(self.backbone_.model.device), prompt.numel()
        self.label_words_ = LabelWords(info.label_words, info.label_ids)
        self.classes_, self.metrics_ = np.array(info.labels, dtype=object), info.metrics
        self.warnings_, self.best_step_, self.dev_accuracy_, self.cut_ = list(info.warnings), None, None, 0
        try:
            check_base(prompt, info, self.backbone_)
            check_golden(info, torch.from_numpy(self._golden()), name_dtype(self.backbone_))
        except DawgenError as error:
            raise BundleError(f"{folder}: {clean(error)}") from error
        return self

    def _validate(self) -> TargetConfig:
        values = {name: getattr(self, name) for name in TargetConfig.model_fields}
        values["model"] = self.model.name if isinstance(self.model, Backbone) else self.model
        try:
            return TargetConfig(**values)
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(f"target.{first['loc'][0]}: {first['msg']}, got {first['input']!r}.") from error

    def _choose_schedule(self, real: Sequence[Example], synthetic: Sequence[Example] | None) -> Schedule:
        if self.schedule == "paired" and not synthetic and real:
            return "real"
        needed = {"real": (real,), "synthetic": (synthetic,)}.get(self.schedule, (real, synthetic))
        if self.schedule not in (*BOTH, "real", "synthetic"):
            raise ConfigError(f"schedule: expected real, synthetic, {', '.join(BOTH)}, got {self.schedule!r}.")
        if not all(needed):
            raise ConfigError(f"schedule {self.schedule}: expected real and synthetic examples as it needs, got none.")
        return self.schedule

    def _find_backbone(self) -> Backbone:
        if isinstance(self.model, Backbone):
            return self.model
        return load_target(self.model, dtype=self.dtype, device=self.device)

    def _render(self, examples: Sequence[Example], what: str) -> Rows:
        limit = limit_tokens(self.backbone_, self.max_tokens, self.prompt_length)
        labels = number_labels(examples, self.task_.labels, f"{what} examples")
        rendered = render(examples, template=self.task_.template, backbone=self.backbone_, max_tokens=limit)
        self.cut_ += rendered.cut
        return Rows(rendered.ids, labels)

    def _draw(self, examples: Sequence[Example], what: str) -> LazyRows:
        template, limit = self.task_.template, limit_tokens(self.backbone_, self.max_tokens, self.prompt_length)
        draw = partial(render, template=template, backbone=self.backbone_, max_tokens=limit)
        return LazyRows(examples, self.task_.labels, f"{what} examples", draw, (template, limit))

    def _score(self, examples: Sequence[Example], prompt: Tensor) -> NDArray[np.float32]:
        return predict_log_probs(
            self.backbone_,
            examples,
            prompt,
            template=self.task_.template,
            word_ids=self.label_words_.ids,
            max_tokens=self.max_tokens,
            decoder_sentinel=self.decoder_sentinel,
        )

    def _golden(self) -> NDArray[np.float32]:
        return self._score(golden_examples(self.task_.pair), self.prompt_)
