"""The classifier: a frozen target with a trained soft prompt, by scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from dawgen.classifier.behind import check_behind
from dawgen.classifier.curriculum import choose_schedule
from dawgen.classifier.judge import judge_prompt
from dawgen.classifier.plan import plan_prompt, write_info
from dawgen.classifier.published import PublishedPrompt
from dawgen.classifier.rows import LazyRows, render_rows
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.train import Log, Training, Watch, count_done, train_prompt
from dawgen.config import SEED, Schedule, TargetConfig
from dawgen.data.items import as_examples
from dawgen.data.kinds import as_labelled, name_label, name_labels, read_training, sort_classes
from dawgen.errors import BundleError, ConfigError, DataError, DawgenError
from dawgen.models.load import Backbone, load_target, name_dtype
from dawgen.parameters import read_seed, read_settings, take_settings
from dawgen.progress import follow
from dawgen.prompt.bundle.checks import check_base, describe_base
from dawgen.prompt.bundle.files import clean
from dawgen.prompt.bundle.format import load_bundle, save_bundle
from dawgen.prompt.bundle.golden import check_golden, golden_examples
from dawgen.prompt.label_words import LabelWords
from dawgen.records import Example
from dawgen.runtime import find_device
from dawgen.stats.temperature import apply_temperature
from dawgen.tasks.task import Task

_DEFAULT = TargetConfig()


class PromptClassifier(PublishedPrompt, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifies texts with one frozen model and [P,H] trained numbers.

    Args:
        model: a name or folder, or a loaded `Backbone` that several classifiers share (then `dtype` and `device` are
            its own).
        task: None makes one from the examples.
        schedule: which rows meet in a step; `paired` has as many of each source and operates on their gradients.
        class_weight: "balanced" weighs the loss of a row by how few rows have its label, as in scikit-learn.
        init_from: a prompt [P,H], or another bundle whose prompt to start from.
        device: None takes a GPU if there is one.
        seed: of the prompt's start and the order of rows.
        settings: the fields of `TargetConfig`, each with its default there.

    After `fit`: task_, scorer_ (the target as the task asks it) with backbone_ and label_words_, prompt_ [P,H],
    classes_ [K] (sorted, of the kind that `fit` was given), warnings_ (for metrics.json), best_step_ and dev_accuracy_
    (None without a dev set), ended_ (after which step training ended, and why; None where it was the last one), cut_
    (texts of training steps and the dev set that were cut to max_tokens), trainable_ (P * H), temperature_ (T, by which
    `predict_proba` divides label scores) and tempered_ (how it was found). A saved or loaded one has digest_, its
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
        class_weight: Literal["balanced"] | None = None,
        init_from: str | Path | Tensor | None = None,
        device: str | None = None,
        seed: int = SEED,
        **settings: Any,
    ) -> None:
        """Store the parameters; `fit` checks them."""

    def __sklearn_clone__(self) -> PromptClassifier:
        """Clones share a loaded backbone: it is frozen, and copying it costs its size in memory."""
        return type(self)(**self.get_params(deep=False))

    def __sklearn_tags__(self) -> Any:
        """Texts are neither a table nor numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = False, True, True
        return tags

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        synthetic: Sequence[Example] | None = None,
        dev: Sequence[Example] | None = None,
        log: Log | None = None,
        checkpoint: Path | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Train the prompt; with the schedule `paired` and no synthetic set on the real examples alone.

        X, y: texts or pairs of texts (see `as_examples`) and their labels, texts, whole numbers or truth values; or
        Examples that have labels, alone. synthetic: Examples with labels. dev: such too, keeps the prompt that is best
        on it. log, checkpoint, watch: see `train_prompt`; without a log a notebook shows a bar.

        Raises:
            ConfigError: a wrong setting or label word, or a schedule whose data are missing.
            DataError: texts or labels of another kind, or a label that is not the task's.
        """
        config, seed, (real, kind) = self._read_settings(), read_seed(self.seed), read_training(X, y)
        synthetic = as_labelled(synthetic, "synthetic") if synthetic is not None else ()
        dev = as_labelled(dev, "dev") if dev is not None else ()
        self._check_parameters()
        task = self.task or Task.from_examples(real or synthetic)
        schedule = choose_schedule(self.schedule, real, synthetic)
        labels, classes = task.labels, sort_classes(task.labels, kind)
        plan = plan_prompt(self._find_backbone(), task, config, schedule=schedule, seed=seed, init_from=self.init_from)
        config, scorer = plan.config, plan.scorer
        real_rows = LazyRows(scorer, real, labels, "real examples")
        synthetic_rows = LazyRows(scorer, synthetic, labels, "synthetic examples")
        dev_rows, cut = render_rows(scorer, dev, labels, "dev examples") if dev else (None, 0)
        training = Training(real_rows, synthetic_rows, dev_rows, schedule, seed, config, self.class_weight is not None)
        with follow(f"training on {len(real) + len(synthetic):,} rows", config.steps, log, count_done) as seen:
            trained = train_prompt(scorer, plan.start, training, log=seen, checkpoint=checkpoint, watch=watch)
        self.task_, self.prompt_, self.trainable_ = task, trained.prompt, trained.prompt.numel()
        self.scorer_, self.label_kind_ = scorer, kind
        self.classes_ = np.array(classes, dtype=object if kind == "text" else None)
        self.metrics_: dict[str, Any] = {}  # of another training, where this was a loaded one
        self.cut_ = cut + len(real_rows.cut) + len(synthetic_rows.cut)
        self.best_step_ = trained.best_step if dev else None
        self.ended_ = None if trained.ended is None else (trained.step, trained.ended)
        self.dev_accuracy_ = trained.best_accuracy if dev else None
        warnings, tempered = judge_prompt(scorer, plan.start, training, trained, labels, log=log, checkpoint=checkpoint)
        self.temperature_, self.tempered_ = tempered.value, tempered.how
        cuts = f"cut: {self.cut_} training or dev examples to {self.max_tokens} tokens or less"
        self.warnings_ = [*([cuts] if self.cut_ else []), *trained.warnings, *warnings]
        return self

    def score_labels(self, X: Any) -> NDArray[np.float32]:
        """Return label log-probabilities [N,K] before the temperature, in the order of the task's labels."""
        check_is_fitted(self, "prompt_")
        return self.scorer_.score_examples(as_examples(X, "X"), self.prompt_)

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Return natural logarithms of `predict_proba`, [N,K]."""
        scores = self.score_labels(X)[:, self._find_columns()]
        return scores if self.temperature_ == 1 else apply_temperature(scores, self.temperature_).astype(np.float32)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return label probabilities softmax(scores / temperature_), [N,K] in the order of `classes_`; X: examples,
        pairs of texts or texts, see `as_examples`."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most likely label of each item, [N], of the kind that `fit` was given."""
        scores = self.score_labels(X)[:, self._find_columns()]  # no temperature changes which is the largest
        return np.asarray(self.classes_[scores.argmax(1)])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy against y, by default the examples' own labels; sample_weight: [N].

        Raises:
            DataError: no items, an item without a label, or labels of another kind than `fit` was given.
        """
        check_is_fitted(self, "prompt_")
        examples = as_examples(X, "X")
        truth: list[str | None] = [example.label for example in examples]
        if y is not None:
            names, kind = name_labels(y)
            if names and kind != self.label_kind_ and not {kind, self.label_kind_} <= {"int", "float"}:
                raise DataError(
                    f"y: expected labels of the kind that fit was given, as {self.classes_.tolist()[0]!r:.60}, got "
                    f"{names[0]} ({kind})."
                )
            truth = [*names]
        if not truth or len(truth) != len(examples) or None in truth:
            labels = f"{len(truth)} labels" if None not in truth else "some without a label"
            raise DataError(f"expected labelled examples to score, got {len(examples)} with {labels}.")
        right = np.array(self._name_predictions(examples), dtype=object) == np.array(truth, dtype=object)
        return float(np.average(right, weights=sample_weight))

    def count_cut(self, X: Any) -> int:
        """Return how many items are too long for max_tokens or the model's window and lose the end of a text."""
        check_is_fitted(self, "prompt_")
        return self.scorer_.render(as_examples(X, "X")).cut

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
        check_is_fitted(self, "prompt_")
        if metrics is not None:
            self.metrics_ = metrics
        info = write_info(
            self.task_,
            self.scorer_,
            self._read_settings().model_copy(update={"prompt_length": len(self.prompt_)}),
            describe_base(self.backbone_),
            schedule=self.schedule,
            seed=read_seed(self.seed),
            golden=tuple(tuple(row) for row in self._score_golden().tolist()),
            label_kind=self.label_kind_,
            temperature=self.temperature_,
            tempered=self.tempered_,
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
        kept: dict[str, Any] = {"dtype": info.dtype, "model": model or info.base}
        kept["placement"] = info.settings.placement
        kept["temperature"] = info.settings.temperature if info.temperature is not None else "none"
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
            self.label_kind_ = info.label_kind
            classes = sort_classes(info.labels, info.label_kind)
            self.classes_ = np.array(classes, dtype=object if info.label_kind == "text" else None)
            self.warnings_, self.best_step_, self.dev_accuracy_, self.cut_ = list(info.warnings), None, None, 0
            self.ended_, self.temperature_, self.tempered_ = None, info.temperature or 1.0, info.tempered
            check_golden(info, torch.from_numpy(self._score_golden()), name_dtype(backbone))
        except DawgenError as error:
            raise BundleError(f"{folder}: {clean(error)}") from error
        return self

    def _read_settings(self) -> TargetConfig:
        name = self.model.name if isinstance(self.model, Backbone) else self.model
        name = str(name) if isinstance(name, Path) else name
        return read_settings(self, TargetConfig, "target", model=name)

    def _check_parameters(self) -> None:
        """Raise ConfigError for a parameter of another type; those of `TargetConfig` are checked as settings."""
        if self.class_weight not in (None, "balanced"):
            raise ConfigError(f"class_weight: expected balanced or None, got {self.class_weight!r:.60}.")
        if self.task is not None and not isinstance(self.task, Task):
            raise ConfigError(f"task: expected a Task or None, got {self.task!r:.60}.\nGive dawgen.Task.load(NAME).")

    def _find_columns(self) -> list[int]:
        """Return which of the task's labels each of `classes_` is."""
        return [self.task_.labels.index(name_label(label, self.label_kind_)) for label in self.classes_.tolist()]

    def _name_predictions(self, examples: Sequence[Example]) -> list[str]:
        return [name_label(label, self.label_kind_) for label in self.predict(examples).tolist()]

    def _find_backbone(self) -> Backbone:
        if isinstance(self.model, Backbone):
            return self.model
        return load_target(str(self.model), dtype=self.dtype, device=find_device(self.device))

    def _score_golden(self) -> NDArray[np.float32]:
        return self.scorer_.score_examples(golden_examples(self.task_.pair), self.prompt_)
