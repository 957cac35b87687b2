"""How long cells will take: one of each kind is predicted by the cost model, and counts for all of its kind."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from dawgen.bench.prompts import load_cell
from dawgen.bench.sets import SetCell
from dawgen.config import GeneratorConfig
from dawgen.cost.calibration import Measuring
from dawgen.cost.machine import ORDINARY
from dawgen.errors import DawgenError, ModelError
from dawgen.methods.table import METHODS
from dawgen.runs.forecast import forecast, read_base
from dawgen.runs.inputs import Inputs
from dawgen.runtime import pick_device

if TYPE_CHECKING:
    from dawgen.bench.plan import Cell

CALIBRATION = 1.0  # seconds for each kind of model and work whose time is measured
Kind = tuple[Any, ...]


@dataclass
class Times:
    """seconds: of each cell by its key. unknown: reasons why some are missing, each with how many cells."""

    seconds: dict[str, float] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The seconds of all cells, one after another."""
        return sum(self.seconds.values())


def predict_cells(cells: Iterable[Cell]) -> Times:
    """Return what the cells will take in one thread each; no weights are loaded.

    One cell of each kind is counted by formula. Of each pair of model and work one cell is also timed, and corrects all
    others of that pair.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _predict(cells)
    finally:
        torch.set_num_threads(threads)


def _predict(cells: Iterable[Cell]) -> Times:
    logging.getLogger("huggingface_hub").setLevel(
        logging.ERROR
    )  # a model that cannot be reached is said once, not at every retry
    kinds: dict[Kind, list[Cell]] = {}
    for cell in cells:
        kinds.setdefault((*_find_pair(cell), *_find_size(cell)), []).append(cell)
    times, factors = Times(), dict[Kind, float]()
    read: dict[str, Inputs] = {}
    known: dict[str, str] = {}  # why a model cannot be read, or ""; asking the hub takes half a minute without it
    for same in kinds.values():
        cell, pair = same[0], _find_pair(same[0])
        try:
            _check_models(cell, known)
            inputs = _load(cell, read)
            counted = _count_seconds(cell, inputs, measured=False)
            if pair not in factors:
                factors[pair] = _count_seconds(cell, inputs, measured=True) / max(counted, 1e-9)
        except (DawgenError, OSError) as error:
            reason = str(error).splitlines()[0]
            times.unknown[reason] = times.unknown.get(reason, 0) + len(same)
            continue
        times.seconds |= {each.key: counted * factors[pair] * each.effort for each in same}
    return times


def _check_models(cell: Cell, known: dict[str, str]) -> None:
    served = cell.config.generator.url is not None
    if served and isinstance(cell, SetCell):
        raise ModelError("how long a server takes is not known")
    for model in dict.fromkeys((cell.config.target.model, *(() if served else (cell.config.generator.model,)))):
        if model not in known:
            known[model] = ""
            try:
                read_base(model)
            except ModelError as error:
                known[model] = str(error)
        if known[model]:
            raise ModelError(known[model])


def _find_pair(cell: Cell) -> Kind:
    """Return model and kind of work, whose steps are timed once."""
    config = cell.config
    if isinstance(cell, SetCell):
        return (config.generator.model, config.generator.kind)
    return (config.target.model, METHODS[cell.method].steps)


def _find_size(cell: Cell) -> Kind:
    """Return what else the time depends on."""
    config = cell.config
    data = (config.task, str(Path(config.train).parent) if config.train else None, config.shots, _count_rows(cell))
    if isinstance(cell, SetCell):
        return (*data, config.generator.steps)
    return (*data, cell.method, config.target.steps, config.target.batch_size, config.baselines.pretraining_steps)


def _count_rows(cell: Cell) -> int:
    """Return how many rows per label the cell writes or takes beside the few shots."""
    take = None if isinstance(cell, SetCell) else cell.take
    return take or cell.config.per_label


def _load(cell: Cell, read: dict[str, Inputs]) -> Inputs:
    """Return the data that a cell looks at; those of methods are the same for every size."""
    own, test_rows = ({}, None) if isinstance(cell, SetCell) else ({"per_label": 1, "unlabelled": None}, cell.test_rows)
    config = cell.config.model_copy(update={"methods": ()} | own)
    key = config.model_dump_json(exclude={"generator", "decode", "curate", "target", "baselines"}) + str(test_rows)
    if key not in read:
        read[key] = load_cell(config, test_rows)
    return read[key]


def _count_seconds(cell: Cell, inputs: Inputs, *, measured: bool) -> float:
    method = "paired" if isinstance(cell, SetCell) else cell.method  # paired: any that has a set written
    config = cell.config.model_copy(update={"methods": (method,), "threads": 1})
    if not isinstance(cell, SetCell):
        # Any rows do: they are counted, and none is to be written.
        inputs = replace(inputs, synthetic=inputs.train[:1] * (_count_rows(cell) * len(inputs.task.labels)))
        if config.generator.url is not None:  # its model is a server's, and not at hand
            config = config.model_copy(update={"generator": GeneratorConfig()})
    machine = None if measured else ORDINARY
    found = forecast(config, inputs=inputs, measuring=Measuring(pick_device(), machine, CALIBRATION))
    stages = found.by_group()
    if not isinstance(cell, SetCell):
        return stages.get(method, 0.0)
    return sum(seconds for group, seconds in stages.items() if group.startswith(("tuning", "writing")))
