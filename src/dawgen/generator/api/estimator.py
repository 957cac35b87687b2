"""A server's model as a generator: `fit` takes the few shots, `generate` writes with exact quotas, as `Generator`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from dawgen.config import SEED, DecodeConfig, GeneratorConfig
from dawgen.data.items import as_examples
from dawgen.data.kinds import read_training
from dawgen.errors import BudgetError, ConfigError
from dawgen.files import write_json
from dawgen.generator.api.answers import Answers
from dawgen.generator.api.client import Client
from dawgen.generator.api.prompts import list_templates
from dawgen.generator.api.saved import SAVED, ServedRecord, check_served, read_served
from dawgen.generator.api.writer import ApiWriter
from dawgen.generator.given import check_examples, choose_task
from dawgen.generator.write.quotas import FinishedOnly, Generation, Judge, Judged, Store, count_kept, fill_quotas
from dawgen.parameters import read_count, read_seed, read_settings, take_settings
from dawgen.progress import follow
from dawgen.records import Candidate, Example
from dawgen.servers import FREE, ServerSettings
from dawgen.tasks.task import Task


class ApiGenerator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model behind an OpenAI-compatible API, prompted with a few shots; nothing is tuned.

    Args:
        model: the server's name of the model.
        task: None reads it off the examples.
        url: the server's address, such as http://localhost:8000/v1.
        decode: how texts are written: strategy, temperature, top_p, max_new_tokens, first_texts, shard_texts and
            attempts of `DecodeConfig` count; None for the defaults.
        answers: a folder for answers.jsonl, so that a killed call pays for nothing twice; None keeps them in memory.
        rivals: other labels that a text is held against, where the server scores texts.
        seed: of shots, of the order of first texts, and of every request.
        settings: the fields of `ServerSettings`, each with its default there.

    The key comes from the environment variable DAWGEN_API_KEY, or the one that `key_env` names. `fit` sets task_,
    shots_, warnings_ and scores_ (None until the server was asked), `generate` sets generation_ and spent_ (answers,
    tokens, money). No attribute holds the key.

    Raises:
        TypeError: a parameter that there is not. Wrong values raise ConfigError in `fit`.

    >>> import dawgen
    >>> real = [dawgen.Example("Goal!", label="sport"), dawgen.Example("Yummy.", label="food")]
    >>> generator = dawgen.ApiGenerator("qwen3", url="http://localhost:8000/v1", concurrency=2).fit(real)
    >>> print(generator.prompts_["food"].splitlines()[0])
    The texts are for a classifier that is asked: Which of these is it: food or sport?
    """

    @take_settings(ServerSettings)
    def __init__(
        self,
        model: str,
        task: Task | None = None,
        *,
        decode: DecodeConfig | None = None,
        answers: str | Path | None = None,
        rivals: int = GeneratorConfig.model_fields["rivals"].default,
        seed: int = SEED,
        **settings: Any,
    ) -> None:
        """Store the parameters; `fit` checks them."""

    scores_: bool | None

    @property
    def kind(self) -> str:
        """What cards and reports call it."""
        return "api"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take labelled examples, or texts or pairs X with labels y, as the shots of requests; none is sent yet.

        Raises:
            ConfigError: a wrong setting, or no url. DataError: as `Generator.fit`.
        """
        read_seed(self.seed)
        real, _ = read_training(X, y)
        task = choose_task(real, self.task, self.decode)
        check_examples(real, task)
        self._take(task, real)
        return self

    def generate(
        self,
        per_label: int,
        *,
        first_texts: Sequence[str] | None = None,
        store: Store | None = None,
        curator: Judge | None = None,
        log: Callable[[dict[str, Any]], object] | None = None,
    ) -> list[Example]:
        """Return exactly `per_label` examples of every label, in order of requests; numbers are in `generation_` and
        `spent_`. Arguments as for `Generator.generate`.

        Raises:
            ShortfallError, ConfigError: as there, or a refused key or model. ServerError: no usable answers.
            BudgetError: the budget is spent. In all cases `answers` holds what was paid for.
        """
        check_is_fitted(self, "task_")
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
        """Yield judged candidates with their verdicts; arguments and errors as for `generate`."""
        per_label = read_count(per_label, "per_label")
        texts = self._find_first_texts(first_texts)
        judge = FinishedOnly() if curator is None else curator
        result = self.generation_ = Generation()
        return self._write(per_label, texts, judge, result, store, log, scored=curator is not None)

    def preview(self, per_label: int = 5, *, first_texts: Sequence[str] | None = None) -> list[Candidate]:
        """Return `per_label` uncurated candidates of every label; they are asked for, and paid."""
        per_label, texts = read_count(per_label, "per_label"), self._find_first_texts(first_texts)
        with closing(Client(self._config())) as client:
            writer = self._make_writer(client, scored=False)
            if not self.task_.pair:
                texts = [""] * per_label
            elif texts is None:
                texts = writer.write_first_texts(0)
            made = writer.write(0, texts[:per_label], self.task_.labels)
        self.spent_ = self.answers_.describe()
        return made

    def find_scores(self) -> bool:
        """Return whether the server gives log-probabilities of a given text (echo, as vLLM does); asks it once.

        Raises:
            ServerError, ConfigError: no connection, or a refused key.
        """
        check_is_fitted(self, "task_")
        config = self._config()
        if config.logprobs != "auto":
            self.scores_ = bool(config.logprobs)
        elif self.scores_ is None:
            with closing(Client(config)) as client:
                self.scores_ = self._make_writer(client, scored=False).can_score()
        return bool(self.scores_)

    def describe(self) -> dict[str, Any]:
        """Return what a card says of the generator: the model, the server's host, without any key, and the kind."""
        config = self._config()
        return {
            "model": config.model,
            "revision": None,
            "quantisation": None,
            "kind": "api",
            "server": urlsplit(config.url or "").netloc,
        }

    def hash_requests(self) -> str:
        """Return a hash of what requests depend on beside seed, decoding and first texts."""
        settings = self._config().model_dump(mode="json", exclude=set(FREE))
        shots = [(row.text1, row.text2, row.label) for row in self.shots_]
        said = json.dumps([settings, self.prompts_, shots, bool(self.scores_)], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write generator.json: settings without the key, the shots, and what is asked for each label."""
        check_is_fitted(self, "task_")
        record = ServedRecord(
            task=self.task_,
            settings=self._config(),
            decode=self._decode(),
            seed=self.seed,
            shots=tuple((row.text1, row.text2, str(row.label)) for row in self.shots_),
            scores=self.scores_,
            prompts=self.prompts_,
            warnings=tuple(self.warnings_),
        )
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_json(Path(folder) / SAVED, record.model_dump(mode="json"))

    @classmethod
    def load(
        cls, folder: str | Path, *, free: Mapping[str, Any] | None = None, answers: str | Path | None = None
    ) -> ApiGenerator:
        """Return a saved generator. free: other values of settings that change no row, such as a budget.

        Raises:
            BundleError: the file is missing or damaged. ConfigError: a setting that would change rows.
        """
        record = read_served(Path(folder))
        if wrong := sorted(set(free or {}) - FREE):
            raise ConfigError(
                f"generator.{wrong[0]}: expected one of the settings that change no row ({', '.join(sorted(FREE))}); "
                "for others make the generator anew (dawgen tune)."
            )
        settings = {name: getattr(record.settings, name) for name in ServerSettings.model_fields} | dict(free or {})
        model, rivals = record.settings.model, record.settings.rivals
        generator = cls(
            model, record.task, **settings, decode=record.decode, seed=record.seed, answers=answers, rivals=rivals
        )
        generator._take(record.task, [Example(*row) for row in record.shots])
        generator.scores_, generator.warnings_ = record.scores, list(record.warnings)
        return generator

    def _config(self) -> GeneratorConfig:
        found = read_settings(self, GeneratorConfig, "generator", kind="api", model=self.model)
        check_served(found)
        return found

    def _decode(self) -> DecodeConfig:
        return self.decode or DecodeConfig()

    def _take(self, task: Task, real: Sequence[Example]) -> None:
        config = self._config()
        self.task_, self.shots_ = task, list(real)
        self.scores_ = None
        chat = config.endpoint == "chat"
        self.prompts_ = dict(list_templates(task, chat=chat, instruction=config.instruction))
        self.warnings_: list[str] = []

    def _make_writer(self, client: Client, *, scored: bool) -> ApiWriter:
        config = self._config()
        self.answers_ = Answers(None if self.answers is None else Path(self.answers), config)
        self.warnings_ += [one for one in client.warnings if one not in self.warnings_]
        shots = {label: [row for row in self.shots_ if row.label == label] for label in self.task_.labels}
        decode, seed = self._decode(), read_seed(self.seed)
        return ApiWriter(self.task_, shots, config, decode, seed, client, self.answers_, scored)

    def _write(
        self,
        per_label: int,
        texts: list[str] | None,
        judge: Judge,
        result: Generation,
        store: Store | None,
        log: Callable[[dict[str, Any]], object] | None,
        *,
        scored: bool,
    ) -> Iterator[Judged]:
        scored = scored and self.find_scores()
        with closing(Client(self._config())) as client:
            writer = self._make_writer(client, scored=scored)
            try:
                yield from fill_quotas(
                    writer, per_label, first_texts=texts, judge=judge, result=result, store=store, log=log
                )
            except BudgetError as error:
                kept = sum(min(per_label, result.counts[label]) for label in self.task_.labels)
                wanted = per_label * len(self.task_.labels)
                raise BudgetError(f"kept {kept:,} of {wanted:,} rows in whole shards. {error}") from None
            finally:
                self.spent_ = self.answers_.describe()

    def _find_first_texts(self, given: Sequence[str] | None) -> list[str] | None:
        """Return text1 for pairs; None for single texts, and where the server writes text1."""
        check_is_fitted(self, "task_")
        source = self._decode().first_texts
        if not self.task_.pair or (given is None and source == "written"):
            return None
        known = [row.text1 for row in self.shots_] if source == "shots" else []
        texts = known if given is None else [example.text1 for example in as_examples(given, "first_texts")]
        texts = [text for text in texts if text.strip()]
        if not texts:
            raise ConfigError(
                f"task {self.task_.name} has pairs: expected first texts ({self.task_.first_texts or 'any text1'}), "
                "got none.\nGive first_texts, or set decode.first_texts to shots or written."
            )
        return texts
