"""How long a run will take: its counted work, the machine's figures, and the corrections from a few measured steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dawgen.config import GeneratorKind, RunConfig
from dawgen.cost.calibration import DTYPES, LEAST, WORTH, Calibration, Measuring, Model, calibrate
from dawgen.cost.generators import GeneratorCost, buy, list_kinds, sum_kind
from dawgen.cost.machine import ORDINARY
from dawgen.cost.shape import Shape, read_shape
from dawgen.cost.stages import Stage, list_stages
from dawgen.cost.workload import Workload
from dawgen.methods.table import METHODS

BY_CLOCK = Measuring()


@dataclass(frozen=True)
class Prediction:
    """What a run will take. Stages have their seconds; they are a machine's at hand only with factors in it.

    generators: what the run's set takes with every kind of generator and from an API, where that was asked for.
    threads: the number of threads that the seconds are of, None where none was measured. by_threads: the whole job's
    seconds with each number that was compared. may_end: whether a prompt's training may end before its last step
    (`target.patience`), so that the seconds are an upper bound.
    """

    stages: tuple[Stage, ...]
    calibration: Calibration
    workload: Workload
    generators: tuple[GeneratorCost, ...] = ()
    threads: int | None = None
    by_threads: Mapping[int, float] = field(default_factory=dict)
    may_end: bool = False

    @property
    def calibrated(self) -> bool:
        """Whether steps were measured."""
        return bool(self.calibration.factors)

    @property
    def memory(self) -> float:
        """The bytes of the largest stage, beside those of the libraries."""
        return max((stage.memory for stage in self.stages), default=0.0)

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
            "memory": self.memory,
            "threads": self.threads,
            "seconds_by_threads": {str(count): seconds for count, seconds in self.by_threads.items()},
            "may_end_early": self.may_end,
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
    config = settle(config, load)
    shape, writer = read_shapes(config, target, generator)
    kind = measuring.device.split(":")[0]
    stages = list_stages(config, load, shape, writer, kind)
    others = [] if kinds is None or writer is None else list_kinds(config, load, writer, kind, kinds)
    if measuring.share is not None:
        expected = sum(Calibration(ORDINARY).time(stage) for stage in stages)
        measuring = replace(measuring, budget=min(measuring.budget, measuring.share * expected))
    known: dict[int, Calibration] = {}
    if measuring.machine is None and measuring.budget >= LEAST:
        every = [*stages, *(stage for one in others for stage in one.stages)]
        known = calibrate(config, load, every, (Model(target, shape), Model(generator, writer)), measuring)
    by_threads = {count: sum(one.time(stage) for stage in stages) for count, one in known.items()}
    threads = choose_threads(by_threads) if by_threads else None
    calibration = Calibration(measuring.machine or ORDINARY) if threads is None else known[threads]
    costs = [sum_kind(config, replace(one, stages=_time_all(one.stages, calibration))) for one in others]
    bought = [buy(config, load)] if costs else []
    ends = (
        bool(load.dev)
        and config.target.patience > 0
        and any(METHODS[name].trains == ("prompt",) for name in config.methods)
    )
    return Prediction(
        _time_all(stages, calibration), calibration, load, (*costs, *bought), threads, by_threads, may_end=ends
    )


def settle(config: RunConfig, load: Workload) -> RunConfig:
    """Return the settings with the prompt's length as a number, from which all that counts work reads it."""
    return config.model_copy(update={"target": config.target.model_copy(update={"prompt_length": load.prompt})})


def read_shapes(config: RunConfig, target: Any, generator: Any | None) -> tuple[Shape, Shape | None]:
    """Return the shapes of target and generator from their transformers configurations, in the settings' dtypes.

    Raises:
        ModelError: see `read_shape`.
    """
    shape = read_shape(target, item=DTYPES[config.target.dtype].itemsize)
    return shape, None if generator is None else read_shape(generator, item=DTYPES[config.generator.dtype].itemsize)


def choose_threads(seconds: Mapping[int, float]) -> int:
    """Return how many threads to use: the fewest, if more are not worth it. seconds: of the whole job by number."""
    fewest, best = min(seconds), min(seconds, key=lambda count: seconds[count])
    return best if seconds[fewest] >= WORTH * seconds[best] else fewest


def _time_all(stages: Iterable[Stage], calibration: Calibration) -> tuple[Stage, ...]:
    return tuple(replace(stage, seconds=calibration.time(stage)) for stage in stages)
