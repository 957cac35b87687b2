"""A grid as data: tasks, targets, seeds, sizes and arms, and the sets and settings that they are tried with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from dawgen.bench.arms import make_arm, parse_arm
from dawgen.columns import Columns
from dawgen.config import TARGET_JUDGE, RunConfig, TargetConfig
from dawgen.errors import ConfigError
from dawgen.presets import PRESETS
from dawgen.report.grid.arms import Arm
from dawgen.runs.settings import merge_settings, resolve_config
from dawgen.section import Positive, Rate, Seed, Settings

Names = Annotated[tuple[str, ...], Field(min_length=1)]
Sizes = Annotated[tuple[Positive, ...], Field(min_length=1)]
Value = bool | int | float | str | None
SETS = ("curated", "raw")
FILES = ("train", "dev", "test", "unlabelled")
RATES = ("rate", "lr")
OLD_LR = 0.3  # target.lr of a grid whose folder says no rate: the default before there was target.rate
# Settings that a block's own keys give.
TAKEN = {
    "task": "tasks",
    "train": "tasks",
    "dev": "tasks",
    "test": "tasks",
    "unlabelled": "tasks",
    "columns": "tasks",
    "seed": "seeds",
    "shots": "shots",
    "per_label": "multiples",
    "methods": "arms",
    "synthetic": "arms",
    "compare_generators": "generators",
    "target.model": "targets",
    "target.surgery": "surgery",
    "target.granularity": "surgery",
    "generator.kind": "generators",
    "baselines.prompt_sources": "sources",
}


class TaskFiles(Settings):
    """A task's files, relative to the data folder; without `train` the task's own data serve, drawn or from the hub.

    test_rows: measure on so many drawn rows, the same for all seeds.
    """

    train: str | None = None
    test: str | None = None
    dev: str | None = None
    unlabelled: str | None = None
    columns: Columns = Columns()
    test_rows: Positive | None = None


class Block(Settings):
    """A full product. generators x schedules x surgery are added to `arms`; surgery goes with `paired` alone.

    multiples: synthetic examples per real one of each label. sets: what the arms with a set learn from: what curation
    kept of it, the texts as they were written, or a file instead, whose name may hold {task}, {seed} and {shots}.
    sweep: values of any settings by dotted name; of several settings the product. sources: tasks whose gold prompts
    SPoT takes from, by default the other built-in tasks of the grid that draw their own data.
    """

    tasks: Names
    targets: Names = ("mini-t5",)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    shots: Sizes = (16,)
    multiples: Annotated[tuple[Positive | Rate, ...], Field(min_length=1)] = (16,)
    arms: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ("paired",)
    surgery: tuple[str, ...] = ("none",)
    sources: tuple[str, ...] = ()
    sets: Names = ("curated",)
    sweep: dict[str, Annotated[tuple[Value, ...], Field(min_length=1)]] = Field(default={})
    settings: dict[str, Any] = Field(default={})

    def list_changes(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of swept settings by dotted name; an empty one without a sweep."""
        for values in product(*self.sweep.values()):
            yield dict(zip(self.sweep, values, strict=True))

    def list_arms(self) -> list[Arm]:
        """Return the block's arms, each once. Raises ConfigError for an unknown one."""
        arms = [parse_arm(text) for text in self.arms]
        for generator, schedule in product(self.generators, self.schedules):
            rules = self.surgery if schedule == "paired" else ("",)
            arms += [make_arm(generator, schedule, rule) for rule in rules]
        return list(dict.fromkeys(arms))


class Grid(Settings):
    """The union of its blocks. baseline: the arm with which the statistics compare. settings: of all cells."""

    name: str
    baseline: str = "prompt_tuning"
    preset: str = "mini"
    settings: dict[str, Any] = Field(default={})
    tasks: dict[str, TaskFiles] = Field(default={})
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]

    def resolve(self, block: Block, changes: Mapping[str, Value] | None = None) -> RunConfig:
        """Return the settings that all cells of a block share. changes: those of its sweep, by dotted name."""
        merged: dict[str, Any] = {}
        for layer in (self.settings, block.settings, *(nest(name, value) for name, value in (changes or {}).items())):
            merge_settings(merged, layer)
        config = resolve_config(preset=self.preset, arguments=merged)
        if config.curate.judge == TARGET_JUDGE:
            raise ConfigError(
                "curate.judge=target: expected a sentence encoder such as minilm: a grid's sets serve all its targets."
            )
        return config

    def continue_from(self, before: Mapping[str, Any]) -> Grid:
        """Return the grid with the target's rate and patience that its folder says, where it says none itself: it goes
        on as it began.

        before: what `describe` returned then. A default of ours that has changed since is none of the grid's changes.
        """
        known = before.get("settings", {}).get("target", {})
        if before.get("preset", self.preset) != self.preset:
            return self
        settings: dict[str, Any] = {}
        merge_settings(settings, self.settings)
        if not _says(self.settings, "patience"):  # a folder that says none is from before there was any
            merge_settings(settings, {"target": {"patience": known.get("patience", 0)}})
        if not _says(self.settings, *RATES):
            merge_settings(settings, {"target": {name: known[name] for name in RATES if name in known}})
            if not _says(settings, *RATES) and not _says(PRESETS[self.preset], *RATES):
                merge_settings(settings, {"target": {"lr": OLD_LR}})
        return self.model_copy(update={"settings": settings})

    def _find_patience(self) -> int:
        for settings in (self.settings, PRESETS[self.preset]):
            if _says(settings, "patience"):
                return int(settings["target"]["patience"])  # type: ignore[index]
        return TargetConfig().patience

    def describe(self) -> dict[str, Any]:
        """Return the grid as its folder keeps it, with rate and patience; later keys stand there where used."""
        found = self.model_dump(mode="json")
        if not _says(self.settings, *RATES) and not _says(PRESETS[self.preset], *RATES):
            merge_settings(found["settings"], {"target": {"rate": TargetConfig().rate}})
        patience = self._find_patience()
        if patience:
            merge_settings(found["settings"], {"target": {"patience": patience}})
        else:  # as in folders from before there was any
            found["settings"].get("target", {}).pop("patience", None)
        for block in found["blocks"]:
            if block["sets"] == ["curated"]:
                del block["sets"]
            if not block["sweep"]:
                del block["sweep"]
        return found


def _says(settings: Mapping[str, Any], *names: str) -> bool:
    return any(name in settings.get("target", {}) for name in names)


def nest(name: str, value: Any) -> dict[str, Any]:
    """Return {"target": {"lr": 0.1}} for "target.lr" and 0.1."""
    first, _, rest = name.partition(".")
    return {first: nest(rest, value) if rest else value}


def name_set(text: str) -> str:
    """Return what the results call a set: curated, raw, or a file's name without its ending and {task} and the like."""
    path = Path(text)
    return text if text in SETS else re.sub(r"\{\w+\}", "", path.stem).strip("-_. ") or path.parent.name


def fill_name(text: str, task: str, seed: int, shots: int) -> str:
    """Return the name of a set's file for one task, seed and number of shots."""
    return text.replace("{task}", task).replace("{seed}", str(seed)).replace("{shots}", str(shots))
