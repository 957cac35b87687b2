"""How long a run will take: its counted work, the machine's figures, and the corrections from a few measured steps."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from dawgen.config import Dtype, GeneratorKind, RunConfig
from dawgen.cost.generators import GeneratorCost, buy, list_kinds, sum_kind
from dawgen.cost.machine import ORDINARY, Machine, measure_machine
from dawgen.cost.probe import build_model, measure_probes, probe_generator, probe_target
from dawgen.cost.shape import Conditioned, Shape, read_shape
from dawgen.cost.stages import Stage, list_stages
from dawgen.cost.workload import Workload

BUDGET = 5.0  # seconds of calibration
BRIEF = 2.5  # of one before a run
SHARE = 0.03  # of the expected time of a run: the most that its calibration may take
LEAST = 0.5  # seconds; with less there is no calibration
LAYERS = 4  # most layers of the models that are timed
DTYPES: dict[Dtype, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class Measuring:
    """How a machine's speed is found.

    machine: figures by hand; then nothing is measured. budget: seconds of calibration. share: calibrate for this share
    of the expected time at most, and not at all for runs of a few seconds.
    """

    device: str = "cpu"
    machine: Machine | None = None
    budget: float = BUDGET
    share: float | None = None


BY_CLOCK = Measuring()


@dataclass(frozen=True)
class Model:
    """A model of which there is only the transformers configuration. shape: None where no such model takes part."""

    config: Any
    shape: Shape | None


@dataclass(frozen=True)
class Calibration:
    """A machine's figures, and measured over computed seconds of each probe."""

    machine: Machine
    factors: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """What a run will take. Stages have their seconds; they are a machine's at hand only with factors in it.

    generators: what the run's set takes with every kind of generator and from an API, where that was asked for.
    """

    stages: tuple[Stage, ...]
    calibration: Calibration
    workload: Workload
    generators: tuple[GeneratorCost, ...] = ()

    @property
    def calibrated(self) -> bool:
        """Whether steps were measured."""
        return bool(self.calibration.factors)

    @property
    def seconds(self) -> float:
        """The whole run's time."""
        return sum(stage.seconds or 0.0 for stage in self.stages)

    def by_group(self) -> dict[str, float]:
        """Return seconds of the groups that metrics.json times."""
        groups: dict[str, float] = {}
        for stage in self.stages:
            groups[stage.group] = groups.get(stage.group, 0.0) + (stage.seconds or 0.0)
        return groups

    def as_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON has it."""
        machine = self.calibration.machine
        return {
            "machine": {
                "name": machine.name,
                "flops_per_second": machine.rate,
                "bytes_per_second": machine.bandwidth,
                "seconds_per_call": machine.overhead,
            },
            "calibrated": self.calibrated,
            "calibration_seconds": self.calibration.seconds,
            "factors": dict(self.calibration.factors),
            "kept_share": self.workload.kept,
            "stages": [stage.as_dict() for stage in self.stages],
            "seconds": self.seconds,
            "memory": max((stage.memory for stage in self.stages), default=0.0),
        }


def predict_run(
    config: RunConfig,
    load: Workload,
    target: Any,
    generator: Any | None,
    *,
    measuring: Measuring = BY_CLOCK,
    kinds: Mapping[GeneratorKind, float] | None = None,
) -> Prediction:
    """Return the prediction for a run with models of these transformers configurations.

    kinds: compare all kinds of generators too; of some the share of texts that curation keeps.

    Raises:
        ModelError: a configuration whose shape cannot be read.
    """
    # all that counts work reads the prompt's length from the settings: `auto` is a number from here on
    config = config.model_copy(update={"target": config.target.model_copy(update={"prompt_length": load.prompt})})
    shape = read_shape(target, item=DTYPES[config.target.dtype].itemsize)
    writer = None if generator is None else read_shape(generator, item=DTYPES[config.generator.dtype].itemsize)
    kind = measuring.device.split(":")[0]
    stages = list_stages(config, load, shape, writer, kind)
    others = [] if kinds is None or writer is None else list_kinds(config, load, writer, kind, kinds)
    if measuring.share is not None:
        expected = sum(_time(stage, Calibration(ORDINARY)) for stage in stages)
        measuring = replace(measuring, budget=min(measuring.budget, measuring.share * expected))
    if measuring.machine is not None:
        calibration = Calibration(measuring.machine)
    elif measuring.budget < LEAST:
        calibration = Calibration(ORDINARY)
    else:
        every = [*stages, *(stage for one in others for stage in one.stages)]
        calibration = calibrate(config, load, every, (Model(target, shape), Model(generator, writer)), measuring)
    costs = [sum_kind(config, replace(one, stages=_time_all(one.stages, calibration))) for one in others]
    bought = [buy(config, load)] if costs else []
    return Prediction(_time_all(stages, calibration), calibration, load, (*costs, *bought))


def _time_all(stages: Iterable[Stage], calibration: Calibration) -> tuple[Stage, ...]:
    return tuple(replace(stage, seconds=_time(stage, calibration)) for stage in stages)


def _time(stage: Stage, calibration: Calibration) -> float:
    return stage.fixed + calibration.factors.get(stage.probe, 1.0) * calibration.machine.time_work(stage.work)


_KNOWN: dict[str, Calibration] = {}  # what this process has measured


def forget() -> None:
    """Forget all calibrations, so that the next prediction measures again."""
    _KNOWN.clear()


def calibrate(
    config: RunConfig, load: Workload, stages: list[Stage], models: tuple[Model, Model], measuring: Measuring
) -> Calibration:
    """Measure the machine and one step of every kind of stage, in about `budget` seconds; once in a process.

    models: target and generator.
    """
    key = repr((config.generator, config.decode, config.target, load, models, stages, measuring))
    key += f"{torch.get_num_threads()}"
    if key not in _KNOWN:
        _KNOWN[key] = _calibrate(config, load, stages, models, measuring)
    return _KNOWN[key]


def _calibrate(
    config: RunConfig, load: Workload, stages: list[Stage], models: tuple[Model, Model], measuring: Measuring
) -> Calibration:
    begin = time.perf_counter()
    device, budget, dtype = measuring.device, measuring.budget, DTYPES[config.target.dtype]
    target, generator = models
    assert target.shape is not None
    machine = measure_machine(target.shape, device, dtype, budget / 10)
    wanted = {stage.probe for stage in stages if stage.probe}
    probes = []
    if generator.shape is not None:
        kinds = [name.removeprefix("tuning ") for name in sorted(wanted) if name.startswith("tuning ")]
        settings = [config.generator.model_copy(update={"kind": kind}) for kind in kinds]
        layers, texts = _fit(generator.shape, budget / 8, config.decode.shard_texts, load.labels * 40, machine)
        model, small = build_model(
            generator.config, generator.shape, layers=layers, device=device, dtype=DTYPES[config.generator.dtype]
        )
        at = Conditioned(small, load.labels, load.prefix, model.device.type)
        probes += probe_generator(model, at, settings, config.decode, load.shots, texts=texts)
    layers, rows = _fit(target.shape, budget / 8, 2 * config.target.batch_size, 3 * 60, machine)
    model, small = build_model(target.config, target.shape, layers=layers, device=device, dtype=dtype)
    probes += probe_target(model, small, config.target, load.train, rows=max(2, rows))
    probes = [probe for probe in probes if probe.name in wanted]
    left = budget - (time.perf_counter() - begin)
    factors = measure_probes(probes, machine, device, left)
    return Calibration(machine, factors, time.perf_counter() - begin)


def _fit(shape: Shape, seconds: float, rows: int, tokens: int, machine: Machine) -> tuple[int, int]:
    """Return how many layers, and how many of `rows` rows of `tokens` tokens, a forward takes in that many seconds."""
    each = 2 * shape.weights / (shape.layers + shape.cross) * tokens / machine.rate
    layers = max(1, min(LAYERS, shape.layers, int(seconds / (each * rows))))
    return layers, max(2, min(rows, int(seconds / (each * layers))))
