"""A calibration: the machine's figures, then the shipped functions on small random models, in a few seconds and bytes.

Nothing here grows with the job. A probe has at most `LABELS` labels, `ROWS` rows of each, texts of `TOKENS` tokens and
`LAYERS` layers, fewer where the machine would take longer than there is time; the formulas say what the job itself is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, NamedTuple

import torch

from dawgen.config import Dtype, RunConfig
from dawgen.cost.counts import Work
from dawgen.cost.machine import Machine, measure_machine
from dawgen.cost.memory import hold_training, hold_tuning, hold_writing, weigh
from dawgen.cost.probe import (
    STEPS,
    Probe,
    build_model,
    list_generator_work,
    list_target_work,
    measure_probes,
    probe_generator,
    probe_target,
)
from dawgen.cost.shape import Conditioned, Shape
from dawgen.cost.stages import Stage
from dawgen.cost.workload import Workload
from dawgen.generator.codec import TokenRow

BUDGET = 5.0  # seconds of calibration
BRIEF = 2.5  # of one before a run
SHARE = 0.03  # of the expected time of a run: the most that its calibration may take
LEAST = 0.5  # seconds; with less there is no calibration
LABELS = 3  # most labels of a probe
ROWS = 4  # most of its rows of each label
PREFIX = 64  # most positions in front of its texts
HEAD = 1 << 25  # most numbers of its embeddings
WEIGHTS = 2e8  # most bytes of a random model
PASSES = 2e8  # most bytes that its largest pass holds beside
MAKING = 1.2e-8  # seconds per number of a random model
AHEAD = 0.5  # share of the time for which probes are chosen by formula, which is right within a factor of two
HOPELESS = 2.0  # times as slow as others by the machine's figures: a number of threads that is not tried
WORTH = 1.1  # how many times as fast all threads must be for a job to take more than one
DTYPES: dict[Dtype, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class Size(NamedTuple):
    """How large the probes of a model are. layers: of the model. texts: that are read. tokens: most of each."""

    layers: int
    labels: int
    texts: int
    tokens: int


SIZES = (
    Size(4, LABELS, 32, 64),
    Size(4, LABELS, 16, 48),
    Size(4, LABELS, 8, 32),
    Size(2, LABELS, 8, 24),
    Size(2, 2, 4, 16),
    Size(1, 2, 4, 12),
    Size(1, 2, 2, 8),
)


@dataclass(frozen=True)
class Measuring:
    """How a machine's speed is found.

    machine: figures by hand; then nothing is measured. budget: seconds of calibration. share: calibrate for this share
    of the expected time at most, and not at all for runs of a few seconds. threads: counts that are compared, of which
    the prediction says the one to use; empty: the present one.
    """

    device: str = "cpu"
    machine: Machine | None = None
    budget: float = BUDGET
    share: float | None = None
    threads: tuple[int, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model of which there is only the transformers configuration. shape: None where no such model takes part."""

    config: Any
    shape: Shape | None


@dataclass(frozen=True)
class Calibration:
    """A machine's figures with a number of threads, and measured over computed seconds of each probe."""

    machine: Machine
    factors: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def time(self, stage: Stage) -> float:
        """Return the seconds of a stage; one whose probe was not measured has the middle factor of the others."""
        usual = median(self.factors.values()) if self.factors and stage.probe else 1.0
        return stage.fixed + self.factors.get(stage.probe, usual) * self.machine.time_work(stage.work)


_KNOWN: dict[str, dict[int, Calibration]] = {}  # what this process has measured


def forget() -> None:
    """Forget all calibrations, so that the next prediction measures again."""
    _KNOWN.clear()


def calibrate(
    config: RunConfig, load: Workload, stages: Sequence[Stage], models: tuple[Model, Model], measuring: Measuring
) -> dict[int, Calibration]:
    """Measure the machine and one step of every kind of stage with each number of threads, in `budget` seconds in all;
    once in a process.

    models: target and generator.
    """
    few = take_few(load)
    counts = measuring.threads or (torch.get_num_threads(),)
    key = repr(
        (config.generator, config.decode, config.target, few, models, sorted(_list_probes(stages)), measuring, counts)
    )
    if key not in _KNOWN:
        now = torch.get_num_threads()
        try:
            _KNOWN[key] = _calibrate(config, few, stages, models, replace(measuring, threads=counts))
        finally:
            torch.set_num_threads(now)
    return _KNOWN[key]


def _list_probes(stages: Iterable[Stage]) -> frozenset[str]:
    return frozenset(stage.probe for stage in stages if stage.probe)


@dataclass(frozen=True)
class Few:
    """The part of a workload that is timed. shots: rows of `labels` labels. lengths: tokens of rows of the target."""

    labels: int
    prefix: int
    shots: tuple[TokenRow, ...]
    lengths: tuple[int, ...]


def take_few(load: Workload) -> Few:
    """Return a few labels, rows and positions of a workload, however many it has."""
    labels = min(LABELS, load.labels)
    shots: list[TokenRow] = []
    for label in range(labels):
        shots += [row for row in load.shots if row.label == label][:ROWS]
    return Few(labels, min(PREFIX, load.prefix), tuple(shots), load.train[: 2 * ROWS * labels])


def _calibrate(
    config: RunConfig, few: Few, stages: Sequence[Stage], models: tuple[Model, Model], measuring: Measuring
) -> dict[int, Calibration]:
    wanted = _list_probes(stages)
    begin = time.perf_counter()
    target, generator = models
    assert target.shape is not None
    machines = {}
    for count in measuring.threads:
        torch.set_num_threads(count)
        dtype, spent = DTYPES[config.target.dtype], measuring.budget / 10 / len(measuring.threads)
        machines[count] = measure_machine(target.shape, measuring.device, dtype, spent)
    works = [stage.work for stage in stages]
    totals = {count: sum(map(machine.time_work, works)) for count, machine in machines.items()}
    # a model's probes have half of what is left, for a warm-up and a turn of each number of threads
    left = measuring.budget - (time.perf_counter() - begin)
    roles = 1 + (generator.shape is not None)
    room = Room(tuple(machines.values()), AHEAD * left / roles, 1 + len(measuring.threads))
    probes = _probe_generator(config, few, wanted, generator, measuring.device, room) if roles > 1 else []
    probes += _probe_target(config, few, target, measuring.device, room)
    probes = [probe for probe in probes if probe.name in wanted]
    fit = {count: machine for count, machine in machines.items() if totals[count] <= HOPELESS * min(totals.values())}
    factors = measure_probes(probes, fit, measuring.device, begin + measuring.budget)
    seconds = time.perf_counter() - begin
    usual = next(iter(factors.values()))
    return {count: Calibration(machines[count], factors.get(count, usual), seconds) for count in machines}


@dataclass(frozen=True)
class Room:
    """What the probes of one model may take: seconds by the figures of the fastest number of threads, each probe so
    many times. Threads that share their processors with others can be a hundred times slower; they run fewer probes."""

    machines: tuple[Machine, ...]
    seconds: float
    times: int

    def holds(self, size: Size, shape: Shape, works: Iterable[Work], held: float) -> bool:
        """Return whether making the model and running its probes fits in time and memory. held: bytes of a pass."""
        every = list(works)
        once = min(sum(machine.time_work(work) for work in every) for machine in self.machines)
        times = 1 if size == SIZES[-1] else self.times  # one run is better than none
        spent = MAKING * shape.weights + times * once
        return spent <= self.seconds and weigh(shape) <= WEIGHTS and held <= PASSES


def _probe_generator(
    config: RunConfig, few: Few, wanted: frozenset[str], base: Model, device: str, room: Room
) -> list[Probe]:
    assert base.shape is not None
    kinds = [name.removeprefix("tuning ") for name in sorted(wanted) if name.startswith("tuning ")]
    drawn = min(ROWS // 2, config.generator.rows_per_label)
    settings = [config.generator.model_copy(update={"kind": kind, "rows_per_label": drawn}) for kind in kinds]
    for size, shape in _list_sizes(base.shape):
        labels = min(size.labels, few.labels, config.generator.rivals + 1)
        texts = min(size.texts, config.decode.shard_texts)
        rows = cut_rows([row for row in few.shots if row.label < labels], size.tokens)
        at = Conditioned(shape, labels, few.prefix, device.split(":")[0])
        works = list_generator_work(at, settings, config.decode, rows, texts=texts)
        contexts = [len(row.context) for row in rows]
        held = [hold_tuning(at, rows, one) for one in settings]
        held.append(hold_writing(at, contexts, [STEPS], config.decode, rows=texts * labels))
        if room.holds(size, shape, (works[name] for name in works if name in wanted), max(held)):
            dtype = DTYPES[config.generator.dtype]
            model, _ = build_model(
                base.config, shape, layers=shape.layers, vocabulary=shape.vocabulary, device=device, dtype=dtype
            )
            return probe_generator(model, at, settings, config.decode, rows, texts=texts)
    return []


def _probe_target(config: RunConfig, few: Few, base: Model, device: str, room: Room) -> list[Probe]:
    assert base.shape is not None
    for size, shape in _list_sizes(base.shape):
        # rows of a text each, and a template around it
        lengths = [min(length, 2 * size.tokens) for length in few.lengths]
        rows = max(2, min(size.texts, 2 * config.target.batch_size))
        works = list_target_work(shape, config.target, lengths, rows=rows, device=device.split(":")[0])
        held = hold_training(shape, lengths, config.target, rows=rows, device=device.split(":")[0])
        if room.holds(size, shape, works.values(), held):
            dtype = DTYPES[config.target.dtype]
            model, _ = build_model(
                base.config, shape, layers=shape.layers, vocabulary=shape.vocabulary, device=device, dtype=dtype
            )
            return probe_target(model, shape, config.target, lengths, rows=rows)
    return []


def _list_sizes(shape: Shape) -> Iterable[tuple[Size, Shape]]:
    """Yield sizes of probes with the model's own shape in each, the largest first; few tokens where it is wide."""
    known = max(256, min(1 << 15, HEAD // shape.width))
    for part in (1, 4, 16):
        for size in SIZES:
            yield size, shape.shrink(layers=size.layers, vocabulary=known // part)


def cut_rows(rows: Sequence[TokenRow], tokens: int) -> list[TokenRow]:
    """Return the rows with at most so many tokens before a text and in it."""
    return [replace(row, context=row.context[:tokens], target=row.target[:tokens]) for row in rows]
