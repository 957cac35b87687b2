"""metrics.json of a run, field by field. Runs of other versions may lack a field or have more; both are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from dawgen.data import parse_fields
from dawgen.errors import DataError


class Numbers(BaseModel):
    """Base of all parts: unknown fields are kept, so that nothing is lost on the way through."""

    model_config = ConfigDict(extra="allow", frozen=True)


class GeneratorNumbers(Numbers):
    """One kind of generator, judged before curation by an oracle: shares in [0, 1] of n candidates, None without it."""

    label_fidelity: float | None = None
    ungrammatical: float | None = None
    n: int | None = None


class ServerNumbers(Numbers):
    """The server that wrote a set, and what it was asked. read, written: tokens; estimated: answers without a count of
    them. money: None without prices. models: the server's own names. endings: why answers ended."""

    model: str = ""
    server: str = ""
    answers: int = 0
    read: int = 0
    written: int = 0
    estimated: int = 0
    money: float | None = None
    models: tuple[str, ...] = ()
    endings: dict[str, int] = {}

    def describe(self) -> str:
        """Return it in one line."""
        money = "" if self.money is None else f", {self.money:.4g} in money"
        guessed = f" ({self.estimated:,} answers' estimated)" if self.estimated else ""
        named = "" if self.models in ((), (self.model,)) else f", which calls it {', '.join(self.models)}"
        return (
            f"synthetic set: written by {self.model} at {self.server}{named}: {self.answers:,} answers, {self.read:,} "
            f"tokens read and {self.written:,} written{guessed}{money}"
        )


class SetNumbers(Numbers):
    """The synthetic set: written by the run, with rows at every step, or `given` as a file.

    dropped: rows by reason; surplus: sound rows beyond the number asked for; copy_share_by_label: of verbatim copies
    before curation, for pairs; agreement: of how many rows posterior and judge said what.
    """

    given: str | None = None
    requested: int | None = None
    generated: int = 0
    kept: int = 0
    surplus: int = 0
    dropped: dict[str, int] = {}
    copy_share_by_label: dict[str, float] = {}
    agreement: dict[str, int] = {}
    label_fidelity: float | None = None
    server: ServerNumbers | None = None

    @property
    def kept_share(self) -> float | None:
        """Share of the judged candidates that was kept; None where nothing was judged."""
        judged = self.generated - self.surplus
        return self.kept / judged if judged else None


class Interference(Numbers):
    """Means over the steps of a paired training, see `runs.interference`."""

    cos: float
    conflict: float
    removed: float


class Ended(Numbers):
    """A training that ended before its last step: after which, and why."""

    step: int
    why: str


class Untempered(Numbers):
    """A method's probabilities before its temperature: as in `MethodNumbers`."""

    nll: float
    ece: float
    brier: float


class MethodNumbers(Numbers):
    """One method. Shares in [0, 1], None where there were no test or dev rows; seconds of training and test.

    confusion: one row per gold label; looks: how many checkpoints the dev set chose from; trainable: trained numbers;
    nll (nats), ece, ece_noise (what right probabilities would have), brier (0 to 2), aurc: of the probabilities of test
    rows, as they are answered; temperature, tempered: of soft prompts, and how it was found; untempered: without it.
    n_unlabelled, notes: of methods that learn from texts, or start from other tasks' prompts.
    """

    accuracy: float | None = None
    macro_f1: float | None = None
    n_test: int = 0
    n_real: int | None = None
    n_synthetic: int | None = None
    n_unlabelled: int | None = None
    notes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    trainable: int | None = None
    dev_accuracy: float | None = None
    n_dev: int | None = None
    looks: int | None = None
    ended: Ended | None = None
    nll: float | None = None
    ece: float | None = None
    ece_noise: float | None = None
    brier: float | None = None
    aurc: float | None = None
    temperature: float | None = None
    tempered: str | None = None
    untempered: Untempered | None = None
    seconds: float | None = None
    interference: Interference | None = None


class RunMetrics(Numbers):
    """What a run found. seconds: of the generator's stages that this process did, by name."""

    task: str = ""
    seed: int | None = None
    shots_per_label: int | None = None
    labels: tuple[str, ...] = ()
    generators: dict[str, GeneratorNumbers] = {}
    synthetic: SetNumbers | None = None
    methods: dict[str, MethodNumbers] = {}
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = {}

    @property
    def times(self) -> dict[str, float]:
        """Seconds by stage of the generator and by method, of those that are known."""
        return self.seconds | {
            name: numbers.seconds for name, numbers in self.methods.items() if numbers.seconds is not None
        }


def read_metrics(folder: Path) -> RunMetrics:
    """Return metrics.json of a run's folder.

    Raises DataError if there is none, since the run has not ended then, or it is damaged.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        raise DataError(f"{folder}: expected a finished run, found no metrics.json. Give the --out of one.")
    return check_metrics(parse_fields(path.read_bytes(), f"{path}"), str(path))


def check_metrics(fields: dict[str, Any], where: str) -> RunMetrics:
    """Return the fields of metrics.json as what they are. Raises DataError, which names place and field."""
    try:
        return RunMetrics.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{where}: {place}: {first['msg']}, got {str(first['input'])[:40]!r}; the file is damaged."
        ) from error
