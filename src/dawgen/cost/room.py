"""Whether a job fits into memory, and what would make it fit: the formulas again with one setting changed at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from dawgen.config import RunConfig
from dawgen.cost.memory import weigh
from dawgen.cost.predict import read_shapes, settle
from dawgen.cost.stages import Stage, list_stages
from dawgen.cost.table import show_bytes
from dawgen.cost.workload import Workload
from dawgen.errors import ConfigError

LEAST_TOKENS = 32  # below which texts are not cut to make a job fit
SHOWN = 3  # settings that an error names
Change = tuple[str, RunConfig, Workload]


def check_fit(config: RunConfig, load: Workload, target: Any, generator: Any | None, *, free: int) -> None:
    """Raise ConfigError where a stage takes more than `free` bytes beside the models, which are loaded already.

    It names the stage and settings with which the job takes less, each with how much.

    target, generator: transformers configurations of models on a CPU, None where there is none.
    """

    def find_peak(config: RunConfig, load: Workload) -> tuple[float, Stage]:
        shapes = read_shapes(config, target, generator)
        stages = list_stages(settle(config, load), load, *shapes, "cpu")
        largest = max(stages, key=lambda stage: stage.memory)
        return largest.memory - loaded, largest

    loaded = sum(weigh(shape) for shape in read_shapes(config, target, generator) if shape is not None)

    needed, stage = find_peak(config, load)
    if needed <= free:
        return
    ways = list(_list_ways(config, load, stage, free, lambda *change: find_peak(*change)[0], needed))
    which = "Take less" if ways and ways[0][1] <= free else "No setting is enough by itself; these help"
    advice = "; ".join(f"--set {text} ({show_bytes(held)})" for text, held in ways[:SHOWN])
    name = stage.group if stage.name in stage.group else f"{stage.group}, {stage.name}"
    raise ConfigError(
        f"{name}: expected at most {show_bytes(free)} of memory, which is free, predicted are {show_bytes(needed)} "
        f"beside the models.\n"
        + (f"{which}: {advice}. " if advice else "No setting makes it fit: take a smaller model or shorter texts. ")
        + "To begin it as it is: --set memory=try."
    )


def _list_ways(
    config: RunConfig,
    load: Workload,
    stage: Stage,
    free: int,
    measure: Callable[[RunConfig, Workload], float],
    needed: float,
) -> Iterator[tuple[str, float]]:
    """Yield settings that need less, those that fit first: of each the largest value that fits, else the smallest."""
    fitting: list[tuple[str, float]] = []
    better: list[tuple[str, float]] = []
    for values in _list_changes(config, load, stage):
        found = None
        for text, changed, texts in values:
            found = (text, measure(changed, texts))
            if found[1] <= free:
                fitting.append(found)
                break
        else:
            if found is not None and found[1] < 0.9 * needed:
                better.append(found)
    yield from fitting
    yield from better


def _list_changes(config: RunConfig, load: Workload, stage: Stage) -> Iterator[Iterable[Change]]:
    """Yield the values of each setting on which the stage's memory depends, from the largest down."""
    if stage.group.startswith(("tuning", "judging", "writing")):
        yield _halve(config, load, "decode", "shard_texts", 1)
        if config.decode.contrast > 0 and not stage.group.startswith("tuning"):
            yield [_change(config, load, "decode", "contrast", 0.0)]
        yield _halve(config, load, "decode", "max_new_tokens", 8)
        yield _halve(config, load, "generator", "rows_per_label", 2)
        if load.labels > 2:
            yield _halve(config, load, "generator", "rivals", 1)
        section = "generator"
    else:
        yield _halve(config, load, "target", "batch_size", 1)
        yield _cut(config, load)
        section = "target"
    if getattr(config, section).dtype == "float32":
        yield [_change(config, load, section, "dtype", "bfloat16")]


def _halve(config: RunConfig, load: Workload, section: str, name: str, least: int) -> Iterator[Change]:
    value = getattr(getattr(config, section), name) // 2
    while value >= least:
        yield _change(config, load, section, name, value)
        value //= 2


def _cut(config: RunConfig, load: Workload) -> Iterator[Change]:
    """Yield smaller `target.max_tokens`, with the rows as they are then."""
    value = min(config.target.max_tokens, max((*load.train, *load.dev, *load.test), default=0)) // 2
    while value >= LEAST_TOKENS:
        train, dev, test = (tuple(min(row, value) for row in rows) for rows in (load.train, load.dev, load.test))
        yield _change(config, replace(load, train=train, dev=dev, test=test), "target", "max_tokens", value)
        value //= 2


def _change(config: RunConfig, load: Workload, section: str, name: str, value: object) -> Change:
    changed = getattr(config, section).model_copy(update={name: value})
    return f"{section}.{name}={value}", config.model_copy(update={section: changed}), load
