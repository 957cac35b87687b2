"""A run's generator behind an API: opened, its judge chosen, its tokens and money foretold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import fmean

from dawgen.config import TARGET_JUDGE, GeneratorConfig, RunConfig
from dawgen.errors import ConfigError
from dawgen.generator.api.answers import find_price
from dawgen.generator.api.estimator import ApiGenerator
from dawgen.generator.api.prompts import ask_for_text, begin_text
from dawgen.generator.api.saved import check_served, is_served
from dawgen.records import generated_text
from dawgen.rng import python_rng
from dawgen.runs.folder import Job
from dawgen.runs.generate import Source
from dawgen.runs.inputs import Inputs
from dawgen.servers import FREE, ServerSettings

LETTERS = 4.0  # characters of a token, about, in English
SAMPLES = 20  # requests by which tokens are foretold
COST = 8  # tokens of the turns around a request


@dataclass(frozen=True, slots=True)
class Bill:
    """What a set will take from a server, about. requests: for its texts. read, written: tokens. money: None without
    prices. budgets: those that it exceeds, by name."""

    requests: int
    read: int
    written: int
    money: float | None
    budgets: tuple[str, ...]

    def describe(self) -> str:
        """Return it in one line."""
        money = "" if self.money is None else f", {self.money:.2g} in money"
        tokens = f"about {self.requests:,} requests, {self.read:,} tokens read and {self.written:,} written{money}"
        over = f"; more than {' and '.join(self.budgets)}, where it will stop" if self.budgets else ""
        return f"predicted: {tokens}{over}; how long a server takes is not known"


def check_server(config: RunConfig) -> None:
    """Check what a run with a generator behind an API, or one without, cannot have.

    Raises:
        ConfigError: see `check_served`; or kinds of tuned generators to compare with it.
    """
    check_served(config.generator)
    if config.generator.kind == "api" and config.compare_generators:
        raise ConfigError(
            "compare_generators: expected none with generator.kind=api, whose model is not at hand to be tuned."
        )


def foretell(config: RunConfig, inputs: Inputs, kept: float) -> Bill:
    """Return what the set of a run will take. kept: share of candidates that curation keeps."""
    settings, task = config.generator, inputs.task
    drawn, asked, texts = python_rng(config.seed, "generator/api/bill"), list[int](), list[int]()
    for _ in range(SAMPLES):
        example = drawn.choice(inputs.train)
        label = str(example.label)
        rows = [row for row in inputs.train if row.label == label]
        shots = drawn.sample(rows, min(settings.prompt_shots, len(rows)))
        write = ask_for_text if settings.endpoint == "chat" else begin_text
        asked.append(
            len(write(task, label, shots, example.text1 if task.pair else "")) + len(settings.instruction or "")
        )
        texts.append(len(generated_text(example)))
    requests = ceil(config.per_label / kept) * len(task.labels)
    read = round(requests * (fmean(asked) / LETTERS + COST))
    written = round(requests * min(fmean(texts) / LETTERS + 1, config.decode.max_new_tokens))
    money = find_price(settings, read, written)
    over = [
        f"generator.{name}={limit:g}"
        for name, limit, value in (
            ("budget_tokens", settings.budget_tokens, read + written),
            ("budget_money", settings.budget_money, money),
        )
        if limit is not None and value is not None and value > limit
    ]
    return Bill(requests, read, written, money, tuple(over))


def open_served(source: Source, config: GeneratorConfig, *, folder: Path, answers: Path, job: Job) -> ApiGenerator:
    """Return the generator behind an API, saved in its folder; nothing is tuned.

    The server is asked once whether it scores texts; a resumed run keeps what it said. answers: the folder of its
    answers.

    Raises:
        ServerError, ConfigError: no connection, or a refused key.
    """
    if is_served(folder):
        return ApiGenerator.load(folder, free={name: getattr(config, name) for name in FREE}, answers=answers)
    settings = {name: getattr(config, name) for name in ServerSettings.model_fields}
    generator = ApiGenerator(
        config.model,
        source.task,
        **settings,
        decode=source.decode,
        answers=answers,
        rivals=config.rivals,
        seed=job.seed,
    ).fit(source.real)
    host = generator.describe()["server"]
    job.reporter.say(f"generator: {config.model} at {host}, prompted with shots; tuning is skipped")
    generator.find_scores()
    generator.save(folder)
    return generator


def choose_judge(config: RunConfig, generator: ApiGenerator, say: Callable[[str], object]) -> tuple[RunConfig, bool]:
    """Return the settings with a judge where the server gives no log-probabilities for the posterior filter, and
    whether that judge was chosen here, so that it may be left out where it knows nothing."""
    if not config.curate.posterior:
        return config, False
    if generator.find_scores():
        say("posterior filter: by the server's log-probabilities of each text under its label and others")
        return config, False
    said = "posterior filter: the server gives no log-probabilities of a given text"
    if config.curate.judge is not None:
        say(f"{said}; the judge {config.curate.judge} takes its place")
        return config, False
    say(f"{said}; a classifier of the few shots on the target's states judges in its place (curate.judge)")
    return config.model_copy(update={"curate": config.curate.model_copy(update={"judge": TARGET_JUDGE})}), True
