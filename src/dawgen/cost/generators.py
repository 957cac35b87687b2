"""What one synthetic set takes with every kind of generator, and what it would cost to buy it from an API."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal, get_args

from dawgen.config import GeneratorKind, RunConfig, TunedKind
from dawgen.cost.counts import add
from dawgen.cost.shape import Shape
from dawgen.cost.stages import Stage, count_texts, list_kind
from dawgen.cost.workload import Workload

KINDS: tuple[TunedKind, ...] = get_args(TunedKind)
Way = Literal["untuned", "plain", "weighted", "dawgen", "api"]
# Assumptions, which --watts replaces. A busy thread of a server: 2 to 6 W by Cloud Carbon Footprint's figures of common
# processors (from SPECpower), the lower end for newer ones. A GPU: the board power of a common one under load.
WATTS = {"cpu": 5.0, "cuda": 400.0}
# Tokens of a request (`generator.api.prompts`) without its shots and first text: 88 to 150 on all bundled tasks.
WORDS = 110


@dataclass(frozen=True, slots=True)
class Prices:
    """Power and prices. watts: of the machine while it works. hour: price of the machine. api_in, api_out: price of a
    million tokens read and written. None: not given, so no cost in money is computed."""

    watts: float
    hour: float | None = None
    api_in: float | None = None
    api_out: float | None = None
    currency: str = "USD"

    def find_energy(self, seconds: float) -> float:
        """Return watt-hours: watts * seconds / 3600."""
        return self.watts * seconds / 3600

    def find_rent(self, seconds: float) -> float | None:
        """Return the price of so many seconds of the machine."""
        return None if self.hour is None else self.hour * seconds / 3600

    def find_bill(self, read: float, written: float) -> float | None:
        """Return the price of tokens at the API: (in * api_in + out * api_out) / 10^6."""
        if self.api_in is None or self.api_out is None:
            return None
        return (read * self.api_in + written * self.api_out) / 1e6


def choose_watts(device: str, threads: int) -> float:
    """Return the assumed power of a device: of its busy threads, or of one GPU."""
    return WATTS["cpu"] * threads if device == "cpu" else WATTS["cuda"]


@dataclass(frozen=True, slots=True)
class GeneratorCost:
    """The cost of a set of `rows` kept examples; None: not known.

    texts: how many are written for them. tokens_in, tokens_out: read before each text, and written. tuning: seconds,
    part of `seconds`. memory: bytes at the peak. energy: watt-hours. measured: whether seconds and the kept share come
    from a finished grid. gain: points of accuracy over the baseline, with its interval over seeds.
    """

    way: Way
    rows: int
    texts: float
    tokens_in: float
    tokens_out: float
    flops: float | None = None
    seconds: float | None = None
    tuning: float | None = None
    memory: float | None = None
    energy: float | None = None
    money: float | None = None
    measured: bool = False
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None

    def price(self, prices: Prices) -> GeneratorCost:
        """Return the same with energy and money at these prices."""
        if self.way == "api":
            return replace(self, money=prices.find_bill(self.tokens_in, self.tokens_out))
        if self.seconds is None:
            return self
        return replace(self, energy=prices.find_energy(self.seconds), money=prices.find_rent(self.seconds))

    def buy_rows(self, money: float) -> float | None:
        """Return how many kept examples this much money pays for, None without prices.

        Tuning is paid first, then each example at what it costs to write; an API has no tuning.
        """
        if not self.money:
            return None
        tuning = 0.0 if not self.seconds else self.money * (self.tuning or 0.0) / self.seconds
        return max(0.0, money - tuning) / (self.money - tuning) * self.rows if self.money > tuning else None

    def per_row(self, value: float | None) -> float | None:
        """Return a cost of the set per kept example."""
        return None if value is None else value / self.rows

    def per_point(self, value: float | None) -> float | None:
        """Return a cost of the set per point of accuracy that it gained; None without a gain."""
        return None if value is None or self.gain is None or self.gain <= 0 else value / self.gain

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, with the costs of one kept example and of one point, as JSON has it."""
        found = asdict(self)
        for name in ("tokens_out", "flops", "seconds", "energy", "money"):
            found[f"{name}_per_row"] = self.per_row(getattr(self, name))
        for name in ("seconds", "energy", "money"):
            found[f"{name}_per_point"] = self.per_point(getattr(self, name))
        return found


@dataclass(frozen=True, slots=True)
class KindStages:
    """One kind's stages, and the workload with the share of its texts that curation keeps."""

    kind: TunedKind
    load: Workload
    stages: tuple[Stage, ...]


def list_kinds(
    config: RunConfig, load: Workload, shape: Shape, device: str, kept: Mapping[GeneratorKind, float]
) -> list[KindStages]:
    """Return the stages of every kind of generator. kept: shares of texts that are kept, where they are known."""
    found = []
    for kind in KINDS:
        own = replace(load, kept=kept.get(kind, load.kept))
        found.append(KindStages(kind, own, tuple(list_kind(config, own, shape, kind, device))))
    return found


def sum_kind(config: RunConfig, one: KindStages) -> GeneratorCost:
    """Return the cost of the set by the formulas, without prices; the stages must have their seconds."""
    texts = count_texts(config, one.load)
    read, written = _count_tokens(one.load, config)
    tuning = sum(stage.seconds or 0.0 for stage in one.stages if stage.group.startswith("tuning"))
    return GeneratorCost(
        way=one.kind,
        rows=config.per_label * one.load.labels,
        texts=texts,
        tokens_in=texts * read,
        tokens_out=texts * written,
        flops=add(stage.counts for stage in one.stages).flops,
        seconds=sum(stage.seconds or 0.0 for stage in one.stages),
        tuning=tuning,
        memory=max(stage.memory for stage in one.stages),
    )


def buy(config: RunConfig, load: Workload) -> GeneratorCost:
    """Return what an API reads and writes for the set: one text per request, whose prompt holds `prompt_shots` shots.

    Tokens are those of the generator at hand; another model's tokenizer counts others. Time is the provider's.
    """
    texts = math.ceil(config.per_label / load.kept) * load.labels
    read, written = _count_tokens(load, config)
    shots = config.generator.prompt_shots * fmean(len(row.context) + len(row.target) for row in load.shots)
    return GeneratorCost(
        way="api",
        rows=config.per_label * load.labels,
        texts=texts,
        tokens_in=texts * (WORDS + shots + read),
        tokens_out=texts * written,
    )


def measure_kind(
    cost: GeneratorCost, *, kept: float, tuning: float, writing: float, tokens: tuple[float, float] | None = None
) -> GeneratorCost:
    """Return the prediction with a grid's measured figures in place of its own.

    kept: share of texts that were kept. tuning: seconds. writing: seconds per kept example. tokens: read and written
    per kept example, as a server has counted them.
    """
    texts = cost.rows / kept
    scale = texts / cost.texts
    read, written = (each * scale for each in (cost.tokens_in, cost.tokens_out))
    if tokens is not None:
        read, written = (each * cost.rows for each in tokens)
    return replace(
        cost,
        texts=texts,
        tokens_in=read,
        tokens_out=written,
        seconds=tuning + writing * cost.rows,
        tuning=tuning,
        measured=True,
    )


def _count_tokens(load: Workload, config: RunConfig) -> tuple[float, float]:
    """Return the mean tokens in front of a text, and of a text."""
    lengths: Sequence[int] = [min(length, config.decode.max_new_tokens) for length in load.written]
    return fmean(load.contexts), fmean(lengths)
