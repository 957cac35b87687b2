"""The generator as a scikit-learn estimator: fitted on a handful of examples, it scores and writes texts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from dawgen.config import SEED, DecodeConfig, Dtype, GeneratorConfig
from dawgen.data.items import as_examples
from dawgen.data.kinds import read_training
from dawgen.errors import ConfigError, ModelError
from dawgen.generator.codec import Codec, TokenRow
from dawgen.generator.given import check_examples, check_pair, choose_task
from dawgen.generator.prefix import read_prefix, take_turns
from dawgen.generator.published import PublishedGenerator
from dawgen.generator.rivals import choose_rivals
from dawgen.generator.saved import Base, Record, check_base, join_saved, read_saved, write_saved
from dawgen.generator.score import score_rows
from dawgen.generator.tune.tuner import Log, count_done, count_steps, tune
from dawgen.generator.write.quotas import FinishedOnly, Generation, Judge, Judged, Store, count_kept, fill_quotas
from dawgen.generator.write.writer import Writer
from dawgen.models.chat import find_chat
from dawgen.models.load import Backbone, load_generator
from dawgen.parameters import read_count, read_seed, read_settings, take_settings
from dawgen.progress import follow
from dawgen.records import Candidate, Example
from dawgen.runtime import find_device
from dawgen.servers import ServerSettings
from dawgen.tasks.task import Task

_DEFAULT = GeneratorConfig()


class Generator(PublishedGenerator, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A frozen causal model with one tuned prefix per label (paper, step 1 and 2).

    Args:
        model: a bundled, local or hub causal model, or a loaded `Backbone`.
        task: None reads it off the examples.
        decode: how texts are written, None for the defaults of `DecodeConfig`.
        device: None takes a GPU if there is one.
        seed: of tuning and writing.
        settings: the fields of `TuningConfig`, each with its default there.

    `fit` sets task_, backbone_, codec_, prefix_ (per label, layer and head P keys and values) and warnings_, `generate`
    sets generation_.

    Raises:
        TypeError: a parameter that there is not. Wrong values raise ConfigError in `fit`.

    >>> import dawgen
    >>> task = dawgen.Task.load("scenes-nli")
    >>> texts = ["a man is sleeping", "a tall woman is reading a book", "a boy is running in the park"]
    >>> real = [dawgen.Example(text, text, label) for text in texts for label in task.labels]
    >>> generator = dawgen.Generator("mini-ctrl", task, steps=2, device="cpu").fit(real)
    >>> synthetic = generator.generate(per_label=1, first_texts=texts)
    >>> sorted(example.label for example in synthetic) == sorted(task.labels)
    True
    >>> generator.log_likelihood(synthetic).shape
    (3, 3)
    """

    @take_settings(GeneratorConfig, without=ServerSettings.model_fields)
    def __init__(
        self,
        model: str | Backbone = _DEFAULT.model,
        task: Task | None = None,
        *,
        decode: DecodeConfig | None = None,
        device: str | None = None,
        seed: int = SEED,
        **settings: Any,
    ) -> None:
        """Store the parameters; `fit` checks them."""

    def fit(self, X: Any, y: Any = None, *, log: Log | None = None, checkpoint: Path | None = None) -> Self:
        """Tune the prefix on labelled examples, or on texts or pairs X with labels y; `log` gets one dict per step.

        checkpoint: a file; a killed fit goes on from it to the same bytes.

        Raises:
            ConfigError: a wrong setting, or labels that share a prompt.
            DataError: texts or labels of another kind, a label that is not the task's or has no examples, pairs mixed
                with single texts.
            ModelError: the model is missing, not causal, or too short for the task's prompts.
        """
        config, seed = self._config(), read_seed(self.seed)
        real, _ = read_training(X, y)
        task = choose_task(real, self.task, self.decode)
        check_examples(real, task)
        self._prepare(task, _load(self.model, self.dtype, self.device))
        rows, cut = [], 0
        for example in real:
            row, was_cut = self._encode(example, task.labels.index(str(example.label)))
            rows.append(row)
            cut += was_cut
        self._warn_cut(cut, len(real), "real texts")
        self._find_rivals(rows, config)
        steps = 0 if config.kind == "untuned" else count_steps(config, len(task.labels))
        with follow(f"tuning on {len(rows):,} rows", steps, log, count_done) as seen:
            tune(self.prefix_, rows, config, seed=seed, log=seen, checkpoint=checkpoint)
        self.shot_texts_ = list(dict.fromkeys(example.text1 for example in real)) if task.pair else []
        return self

    def log_likelihood(self, examples: Any) -> NDArray[np.float64]:
        """Return log p(text2, end | text1, Q_l) [N,K] in nats, for single texts that of the whole text; labels in
        the task's order. The examples' own labels are ignored."""
        check_is_fitted(self, "prefix_")
        encoded = [self._encode(example, 0)[0] for example in self._read_examples(examples)]
        # As rows of label 0, whose turn is the task's order.
        return score_rows(self.prefix_, encoded, take_turns(self.prefix_.labels, self.prefix_.mask.device))

    def generate(
        self,
        per_label: int,
        *,
        first_texts: Sequence[str] | None = None,
        store: Store | None = None,
        curator: Judge | None = None,
        log: Callable[[dict[str, Any]], object] | None = None,
    ) -> list[Example]:
        """Return exactly `per_label` examples of every label, in order of generation; numbers are in `generation_`.

        first_texts: text1 of pairs where `decode.first_texts` is "given". store: keeps shards, so that a killed call
        goes on. curator: says which candidates stay (`Curator`); without one only empty and unfinished texts go.

        Raises:
            ShortfallError: too few candidates were kept. ConfigError: no first texts, or `per_label` below 1.
        """
        check_is_fitted(self, "prefix_")
        total = read_count(per_label, "per_label") * len(self.task_.labels)
        with follow(f"writing {total:,} examples", total, log, count_kept) as seen:
            judged = self.stream(per_label, first_texts=first_texts, store=store, curator=curator, log=seen)
            return [candidate.example for candidate, verdict in judged if verdict.kept]

    def stream(
        self,
        per_label: int,
        *,
        first_texts: Sequence[str] | None = None,
        store: Store | None = None,
        curator: Judge | None = None,
        log: Callable[[dict[str, Any]], object] | None = None,
    ) -> Iterator[Judged]:
        """Yield judged candidates with their verdicts, for sets of any size; arguments and errors as for `generate`.

        for candidate, verdict in generator.stream(100_000, first_texts=texts, curator=curator): ...
        """
        per_label = read_count(per_label, "per_label")
        texts = self._find_first_texts(first_texts)
        writer = self._make_writer(scored=curator is not None)
        cut = sum(len(self.codec_.encode(text)) > writer.room for text in texts or ())
        self._warn_cut(cut, len(texts or ()), "first texts")
        judge = FinishedOnly() if curator is None else curator
        result = self.generation_ = Generation()
        return fill_quotas(writer, per_label, first_texts=texts, judge=judge, result=result, store=store, log=log)

    def preview(self, per_label: int = 5, *, first_texts: Sequence[str] | None = None) -> list[Candidate]:
        """Return `per_label` uncurated candidates of every label, each scored under its own label and its rivals."""
        per_label, texts = read_count(per_label, "per_label"), self._find_first_texts(first_texts)
        writer = self._make_writer(scored=True)
        if not self.task_.pair:
            texts = [""] * per_label
        elif texts is None:
            texts = writer.write_first_texts(0)
        return writer.score(writer.write(0, texts[:per_label], self.task_.labels))

    def save(self, folder: str | Path) -> None:
        """Write prefix.safetensors and generator.json, which comes last."""
        check_is_fitted(self, "prefix_")
        record = Record(
            task=self.task_,
            settings=self._config(),
            decode=self._decode(),
            seed=self.seed,
            base=Base(
                name=self.backbone_.name,
                revision=self.backbone_.revision,
                fingerprint=self.backbone_.fingerprint,
                quantisation=self.backbone_.quantisation,
            ),
            shot_texts=tuple(self.shot_texts_) if self._decode().first_texts == "shots" else (),
            warnings=tuple(self.warnings_),
        )
        write_saved(Path(folder), record, self.prefix_)

    def describe(self) -> dict[str, Any]:
        """Return what a card says of the generator: model, revision, quantisation and kind."""
        base = self.backbone_
        facts = {"model": base.name, "revision": base.revision, "quantisation": base.quantisation}
        return facts | {"kind": self.kind}

    @classmethod
    def load(cls, folder: str | Path, *, model: str | Backbone | None = None, device: str | None = None) -> "Generator":
        """Return a saved generator on its base model, or on `model` where that has moved.

        Raises:
            BundleError: files are missing or damaged, or the base model is another one than the prefix was tuned on.
        """
        record, tensors = read_saved(Path(folder))
        settings, base = record.settings, record.base
        parameters = settings.model_dump() | {"model": model or base.name}
        generator = cls(**parameters, task=record.task, decode=record.decode, seed=record.seed, device=device)
        backbone = _load(generator.model, settings.dtype, device)
        check_base(Path(folder), base, backbone)
        generator._prepare(record.task, backbone)
        generator.prefix_ = join_saved(backbone.model, tensors)
        generator.shot_texts_, generator.warnings_ = list(record.shot_texts), list(record.warnings)
        return generator

    def _config(self) -> GeneratorConfig:
        name = self.model.name if isinstance(self.model, Backbone) else self.model
        name = str(name) if isinstance(name, Path) else name
        found = read_settings(self, GeneratorConfig, "generator", model=name)
        if found.kind == "api":
            raise ConfigError("generator.kind: expected a way of tuning, got api: dawgen.ApiGenerator is for servers.")
        return found

    def _read_examples(self, items: Any) -> list[Example]:
        """Return examples of the task's kind. Raises DataError for anything else."""
        examples = as_examples(items, "examples")
        for example in examples:
            check_pair(example, self.task_)
        return examples

    def _decode(self) -> DecodeConfig:
        return self.decode or DecodeConfig()

    def _prepare(self, task: Task, backbone: Backbone) -> None:
        """Set the attributes of a fitted generator, with the prefix of the written prompts, not tuned yet."""
        self.task_, self.backbone_ = task, backbone
        self.warnings_: list[str] = []
        chat = find_chat(backbone.tokenizer, self.chat, "generator.chat")
        self.codec_ = Codec(backbone.tokenizer, backbone.model.get_output_embeddings().weight.shape[0], chat)
        words, infix = task.generator, task.generator.infix if task.pair else ""
        prompts = [words.prompts[label] for label in task.labels]
        self.prefix_ = read_prefix(backbone.model, self.codec_, prompts, control_code=words.control_code, infix=infix)
        window = self.prefix_.window
        self.limit_ = self.max_tokens if window is None else min(self.max_tokens, window - self.prefix_.length)
        if self.limit_ - self._infix < 8:
            raise ModelError(
                f"{backbone.name}: its window of {window} positions leaves {self.limit_ - self._infix} tokens for "
                f"texts beside {self.prefix_.length} of the prompt and {self._infix} of the infix.\nShorten them."
            )

    def _find_rivals(self, rows: Sequence[TokenRow], config: GeneratorConfig) -> None:
        words = self.task_.generator.prompts
        texts: list[list[Sequence[int]]] = [[] for _ in self.task_.labels]
        if config.kind == "untuned":  # which looks at no real text
            texts = [[self.codec_.encode(words[label])] for label in self.task_.labels]
        else:
            for row in rows:
                texts[row.label].append(row.target)
        self.prefix_ = replace(self.prefix_, rivals=choose_rivals(self.backbone_.model, texts, config.rivals))

    @property
    def _infix(self) -> int:
        return self.prefix_.q["inputs"].shape[1] - 1

    def _encode(self, example: Example, label: int) -> tuple[TokenRow, bool]:
        return self.codec_.encode_row(example, label, infix=self._infix, limit=self.limit_)

    def _make_writer(self, *, scored: bool) -> Writer:
        return Writer(
            prefix=self.prefix_,
            codec=self.codec_,
            labels=self.task_.labels,
            infix=self._infix,
            limit=self.limit_,
            pair=self.task_.pair,
            decode=self._decode(),
            seed=self.seed,
            scored=scored,
        )

    def _find_first_texts(self, given: Sequence[str] | None) -> list[str] | None:
        """Return text1 for pairs; None for single texts, and where the generator writes text1."""
        check_is_fitted(self, "prefix_")
        source = self._decode().first_texts
        if not self.task_.pair or (given is None and source == "written"):
            return None
        known = self.shot_texts_ if source == "shots" else []
        texts = known if given is None else [example.text1 for example in as_examples(given, "first_texts")]
        texts = [text for text in texts if text.strip()]
        if not texts:
            raise ConfigError(
                f"task {self.task_.name} has pairs: expected first texts ({self.task_.first_texts or 'any text1'}), "
                "got none.\nGive first_texts, or set decode.first_texts to shots or written."
            )
        return texts

    def _warn_cut(self, cut: int, total: int, what: str) -> None:
        if cut:
            warning = f"generator: {cut} of {total} {what} were cut to the window of {self.limit_} tokens, text1 first"
            self.warnings_.append(warning)


def _load(model: str | Backbone, dtype: Dtype, device: str | None) -> Backbone:
    if isinstance(model, Backbone):
        return model
    return load_generator(str(model), dtype=dtype, device=find_device(device))
