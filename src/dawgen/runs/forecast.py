"""What a run will take: its inputs and models handed to the cost model, and said before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import SimpleNamespace

from dawgen.config import GeneratorKind, RunConfig
from dawgen.cost import Data, Measuring, Prediction, Workload, assume_workload, measure_workload, predict_run
from dawgen.cost.calibration import BRIEF, SHARE
from dawgen.cost.predict import BY_CLOCK
from dawgen.cost.room import check_fit
from dawgen.cost.shape import read_shape
from dawgen.cost.table import describe, describe_threads
from dawgen.cost.workload import KEPT
from dawgen.models.load import Backbone, Kind, read_config, read_tokenizer
from dawgen.progress import Reporter
from dawgen.runs.inputs import Inputs, load_inputs
from dawgen.runtime import find_free_memory
from dawgen.scenes.fidelity import has_oracle


@dataclass(frozen=True)
class Assumed:
    """Data that are not there yet: labels, tokens of both texts together, and test rows."""

    labels: int = 3
    length: int = 40
    test_rows: int = 0


NOTHING = Assumed()


def announce_cost(
    config: RunConfig,
    inputs: Inputs,
    target: Backbone,
    source: Backbone | None,
    reporter: Reporter,
    *,
    threads: tuple[int, ...] = (),
) -> Prediction:
    """Say what the run will take, and refuse one that takes more memory than there is; runs of seconds are not
    calibrated for, others briefly.

    threads: numbers that are compared, empty for the present one.

    Raises:
        ConfigError: the machine has less memory free than the run would take, unless `config.memory` is "try".
    """
    device, load = target.model.device.type, _look_at(config, inputs, target, source)
    prediction = predict_run(
        config,
        load,
        target.model.config,
        None if source is None else source.model.config,
        measuring=Measuring(device, budget=BRIEF, share=SHARE, threads=threads),
    )
    reporter.say(describe(prediction))
    if (chosen := describe_threads(prediction)) is not None:
        reporter.say(chosen)
    free = find_free_memory() if device == "cpu" else None  # of a GPU's memory the formulas have not been measured
    if config.memory == "refuse" and free is not None:
        check_fit(config, load, target.model.config, None if source is None else source.model.config, free=free)
    return prediction


def forecast(
    config: RunConfig,
    *,
    assumed: Assumed = NOTHING,
    kept: float | None = None,
    measuring: Measuring = BY_CLOCK,
    inputs: Inputs | None = None,
    kinds: Mapping[GeneratorKind, float] | None = None,
) -> Prediction:
    """Return the prediction for a run that has not begun; no weights are loaded.

    assumed: of the data, where the settings name neither task nor training file. kept: share of candidates that
    curation keeps. inputs: the data, where they are read already. kinds: compare all kinds of generators, see
    `predict_run`.

    Raises:
        ModelError: a configuration or tokenizer that cannot be read. DataError, ConfigError: as a run would.
    """
    kept = KEPT if kept is None else kept
    target = read_base(config.target.model)
    source = None if config.generator.kind == "api" else read_base(config.generator.model)
    if inputs is None and config.task is None and config.train is None:
        load = assume_workload(config, **asdict(assumed), kept=kept)
    else:
        load = _look_at(
            config, inputs or load_inputs(config), _add_tokenizer(target), source and _add_tokenizer(source), kept=kept
        )
    return predict_run(
        config,
        load,
        target.model.config,
        None if source is None else source.model.config,
        measuring=measuring,
        kinds=kinds,
    )


def list_sizes(config: RunConfig) -> list[int]:
    """Return about how many numbers target and generator have, from their configurations alone.

    Raises:
        ModelError: as `read_base`, or a configuration whose shape cannot be read.
    """
    served = config.generator.kind == "api"
    names = (config.target.model,) if served else (config.target.model, config.generator.model)
    return [read_shape(read_base(name).model.config).weights for name in names]


def read_base(name: str) -> Backbone:
    """Return a backbone of which there is only the configuration.

    Raises:
        ModelError: it cannot be found or read.
    """
    config = read_config(name)
    kind: Kind = "seq2seq" if config.is_encoder_decoder else "causal"
    return Backbone(SimpleNamespace(config=config), None, kind, name, None, "")


def _add_tokenizer(base: Backbone) -> Backbone:
    return Backbone(base.model, read_tokenizer(base.name), base.kind, base.name, None, "")


def _look_at(
    config: RunConfig, inputs: Inputs, target: Backbone, source: Backbone | None, *, kept: float = KEPT
) -> Workload:
    given = None if inputs.synthetic is None else len(inputs.synthetic)
    return measure_workload(
        config,
        inputs.task,
        target,
        source,
        Data(
            train=inputs.train,
            dev=inputs.dev or (),
            test=inputs.test or (),
            first_texts=inputs.first_texts if config.decode.first_texts == "given" else None,
            given=given,
            oracle=has_oracle(inputs.task.name),
        ),
        kept=kept,
    )
