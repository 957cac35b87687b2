"""A finished grid's measurements of its generators: seconds, kept shares, and points of accuracy gained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from dawgen.bench.gains import Field, Point, list_fields, measure_gain
from dawgen.bench.plan import make_plan
from dawgen.bench.read import read_grid as read_settings
from dawgen.config import GeneratorConfig, GeneratorKind, RunConfig
from dawgen.cost.generators import GeneratorCost, measure_kind
from dawgen.engine.storage import Store
from dawgen.errors import ConfigError
from dawgen.report.grid.arms import GENERATORS, Arm
from dawgen.report.grid.files import Grid, read_grid

PAPER = ("paired", "project")  # how sets are used, where enough generators were used so


@dataclass(frozen=True, slots=True)
class KindFacts:
    """One generator in a grid, means over its sets. kept: share of judged texts. tuning: seconds. writing: seconds per
    kept example. gain: over the baseline at the grid's size, None where it was not measured. tokens: that a server has
    read and written per kept example, None for a generator that was tuned."""

    sets: int
    kept: float
    tuning: float
    writing: float
    gain: Point | None
    tokens: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class GridFacts:
    """task: its name. config: the settings of its sets and target, at the size of the gains. arm: how sets are used."""

    task: str
    config: RunConfig
    arm: Arm
    baseline: Arm
    multiple: int
    kinds: Mapping[GeneratorKind, KindFacts]

    @property
    def kept(self) -> dict[GeneratorKind, float]:
        """The share of texts that each kind keeps."""
        return {kind: facts.kept for kind, facts in self.kinds.items()}

    def describe(self) -> str:
        """Return a sentence about the source of the measured numbers."""
        sets = sorted({facts.sets for facts in self.kinds.values()})
        several = "-".join(map(str, dict.fromkeys((sets[0], sets[-1]))))
        config = self.config
        return (
            f"Measured on {self.task}, {config.shots} shots per label: mean over {several} sets of each generator, "
            "their writing scaled to this many kept examples. "
            f"Gain: accuracy on {config.target.model} over {self.baseline.name}, sets used as {self.arm.schedule}"
            f"{f' with surgery {self.arm.surgery}' if self.arm.surgery not in ('', 'none') else ''}, "
            f"{self.multiple} synthetic examples per real one."
        )


def read_facts(folder: Path, task: str | None = None, target: str | None = None) -> GridFacts:
    """Return a grid's measurements for one task and target, by default its first with sets.

    Raises:
        ConfigError: a task or target that the grid has no sets of. DataError: no grid, or a damaged one.
    """
    grid = read_grid(folder)
    field = _choose_field(grid, task, target)
    shots = _find_most([one.shots for one in grid.sets if one.task == field.task], "sets", folder)
    way = _choose_way(field, shots)
    sizes = [
        size for arm in field.arms if (arm.schedule, arm.surgery) == way for n, size in field.cells[arm] if n == shots
    ]
    multiple = _find_most([size for size in sizes if size], "rows with sets", folder)
    store = Store(folder)
    kinds: dict[GeneratorKind, KindFacts] = {}
    for method, kind in GENERATORS.items():
        sets = [one for one in grid.sets if (one.task, one.method, one.shots) == (field.task, method, shots)]
        if sets:
            numbers = [store.read_json(f"sets/{one.key}.json") for one in sets]
            rows = field.get_rows(Arm(method, *way), shots, multiple)
            kinds[kind] = _average(numbers, measure_gain(multiple, rows, field.get_base(shots)))
    config = _find_config(folder, field, shots, multiple)
    return GridFacts(field.task, config, Arm("", *way), field.baseline, multiple, kinds)


def add_facts(cost: GeneratorCost, facts: GridFacts) -> GeneratorCost:
    """Return a predicted cost with the grid's seconds, kept share and gain in place of its own, where there are any."""
    mine = facts.kinds.get(cost.way)
    if mine is None:
        return cost
    found = measure_kind(cost, kept=mine.kept, tuning=mine.tuning, writing=mine.writing, tokens=mine.tokens)
    if mine.gain is None:
        return found
    low, high = mine.gain.interval or (None, None)
    points: list[float | None] = [None if value is None else 100 * value for value in (mine.gain.mean, low, high)]
    return replace(found, gain=points[0], gain_low=points[1], gain_high=points[2])


def _choose_field(grid: Grid, task: str | None, target: str | None) -> Field:
    fields = list_fields(grid)
    known = ", ".join(f"{one.task} on {one.target}" for one in fields) or "none"
    found = [one for one in fields if task in (None, one.task) and target in (None, one.target)]
    if not found:
        wanted = " and ".join(
            f"--{name} {value}" for name, value in (("task", task), ("target", target)) if value is not None
        )
        raise ConfigError(f"{wanted or grid.name}: expected one that the grid has sets of, which are {known}.")
    return found[0]


def _choose_way(field: Field, shots: int) -> tuple[str, str]:
    """Return schedule and surgery that most generators were used with at these shots, the paper's among equals."""
    ways = Counter(
        (arm.schedule, arm.surgery) for arm in field.arms if any(n == shots and size for n, size in field.cells[arm])
    )
    return max(ways, key=lambda way: (ways[way], way == PAPER))


def _find_most(values: Sequence[int], what: str, folder: Path) -> int:
    if not values:
        raise ConfigError(f"{folder}: expected {what} of this task in the grid, found none.")
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], -value))


def _average(numbers: Sequence[Mapping[str, Any]], gain: Point | None) -> KindFacts:
    judged = [one["generated"] - one.get("surplus", 0) for one in numbers]
    return KindFacts(
        sets=len(numbers),
        kept=fmean(one["kept"] / count for one, count in zip(numbers, judged, strict=True)),
        tuning=fmean(sum(s for name, s in one["times"].items() if name.startswith("tuning")) for one in numbers),
        writing=fmean(one["times"]["writing"] / one["kept"] for one in numbers),
        gain=gain,
        tokens=_average_tokens(numbers),
    )


def _average_tokens(numbers: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    if not all("server" in one for one in numbers):
        return None
    read, written = (fmean(one["server"][name] / one["kept"] for one in numbers) for name in ("read", "written"))
    return read, written


def _find_config(folder: Path, field: Field, shots: int, multiple: int) -> RunConfig:
    """Return the settings of a set of that size, with the field's target."""
    plan = make_plan(read_settings(folder / "grid.yaml"))
    found = [plan.cells[key].config for key, row in plan.sets.items() if (row.task, row.shots) == (field.task, shots)]
    # All kinds share the other settings; the run that is predicted is the method's own where the grid has it.
    order = sorted(found, key=lambda one: (one.generator.kind != "dawgen", one.generator.kind == "api"))
    config = order[0]
    if config.generator.kind == "api":  # prompted sets alone: beside them the default generator is predicted
        config = config.model_copy(update={"generator": GeneratorConfig()})
    settings = config.target.model_copy(update={"model": field.target})
    return config.model_copy(update={"per_label": multiple * shots, "target": settings, "threads": 1})  # as cells run
