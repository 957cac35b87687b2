"""A grid file: tasks, targets, seeds, sizes and arms as YAML. Errors name file, line and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from dawgen.bench.arms import make_arm, parse_arm
from dawgen.config import Positive, RunConfig, Settings
from dawgen.errors import ConfigError, DawgenError, suggest
from dawgen.report.grid.arms import Arm
from dawgen.runs.settings import merge_settings, resolve_config
from dawgen.tasks import Task

Names = Annotated[tuple[str, ...], Field(min_length=1)]
Sizes = Annotated[tuple[Positive, ...], Field(min_length=1)]
FILES = ("train", "dev", "test", "unlabelled")
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
    columns: dict[str, str] = Field(default={})
    test_rows: Positive | None = None


class Block(Settings):
    """A full product. generators x schedules x surgery are added to `arms`; surgery goes with `paired` alone.

    multiples: synthetic examples per real one of each label. sources: tasks whose gold prompts SPoT takes from, by
    default the other built-in tasks of the grid that draw their own data.
    """

    tasks: Names
    targets: Names = ("mini-t5",)
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    shots: Sizes = (16,)
    multiples: Sizes = (16,)
    arms: tuple[str, ...] = ()
    generators: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ("paired",)
    surgery: tuple[str, ...] = ("none",)
    sources: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default={})

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

    def resolve(self, block: Block) -> RunConfig:
        """Return the settings that all cells of a block share."""
        merged: dict[str, Any] = {}
        for layer in (self.settings, block.settings):
            merge_settings(merged, layer)
        return resolve_config(preset=self.preset, arguments=merged)


def read_grid(path: Path, data: Path | None = None, *, need_files: bool = True) -> Grid:
    """Return the grid with its files found. data: the folder of the tasks' files, by default the grid's own.

    need_files: whether they must be there.

    Raises:
        ConfigError: no such file, no YAML, or a wrong key or value, with its line.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such grid file.")
    text = path.read_text(encoding="utf-8")
    try:
        raw, node = yaml.safe_load(text), yaml.compose(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: expected YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected keys such as name: mini, found {raw!r:.40}.")
    try:
        _check_keys(raw, Grid, ())
        grid = Grid.model_validate(raw)
        return _check_grid(grid, data or path.parent, need_files)
    except _WrongError as wrong:
        place = ".".join(map(str, wrong.place))
        raise ConfigError(f"{path}:{_find_line(node, wrong.place)}: {place}: {wrong}") from wrong
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = first["msg"][0].lower() + first["msg"][1:]
        line = _find_line(node, first["loc"])
        raise ConfigError(f"{path}:{line}: {place}: {message}, found {first['input']!r:.60}.") from error


INNER: dict[str, type[BaseModel]] = {"tasks": TaskFiles, "blocks": Block}


class _WrongError(Exception):
    """What is wrong at a place of the file."""

    def __init__(self, place: Sequence[str | int], message: object) -> None:
        super().__init__(str(message))
        self.place = tuple(place)


def _check_keys(values: Any, model: type[BaseModel], place: tuple[str | int, ...]) -> None:
    """Raise _WrongError for the first unknown key of the file's own."""
    if not isinstance(values, Mapping):
        return
    for key, value in values.items():
        if key not in model.model_fields:
            raise _WrongError((*place, key), f"unknown key; {suggest(str(key), model.model_fields)}")
        inner: type[BaseModel] | None = INNER.get(key) if model is Grid else None
        if inner is not None and isinstance(value, list | dict):
            for name, item in value.items() if isinstance(value, dict) else enumerate(value):
                _check_keys(item, inner, (*place, key, name))


def _check_grid(grid: Grid, data: Path, need_files: bool) -> Grid:
    """Return the grid with whole paths. Raises _WrongError for an arm, task, file or setting that is not there."""
    tasks = {}
    for name, files in grid.tasks.items():
        _check(("tasks", name), Task.load, name)
        found = {file: str(data / value) for file in FILES if (value := getattr(files, file)) is not None}
        for file, value in found.items():
            if need_files and not Path(value).is_file():
                raise _WrongError(
                    ("tasks", name, file), f"there is no such file: {value}. Give its folder with --data."
                )
        if (files.train is None) != (files.test is None):
            raise _WrongError(("tasks", name), "expected train and test, or neither.")
        tasks[name] = files.model_copy(update=found)
    _check(("baseline",), parse_arm, grid.baseline)
    _check_settings(grid.settings, ("settings",))
    for number, block in enumerate(grid.blocks):
        place = ("blocks", number)
        for name in (*block.tasks, *block.sources):
            _check((*place, "tasks"), Task.load, name)
        if not _check((*place, "arms"), block.list_arms):
            raise _WrongError(place, "expected arms or generators, found none.")
        _check_settings(block.settings, (*place, "settings"))
        _check((*place, "settings"), grid.resolve, block)
    return grid.model_copy(update={"tasks": tasks})


def _check_settings(settings: Mapping[str, Any], place: tuple[str | int, ...]) -> None:
    for key, value in settings.items():
        for keys in [(key,), *((key, name) for name in (value if isinstance(value, dict) else ()))]:
            if (taken := TAKEN.get(".".join(map(str, keys)))) is not None:
                raise _WrongError((*place, *keys), f"a grid says this by {taken!r}.")


def _check(place: tuple[str | int, ...], work: Any, *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except DawgenError as error:
        raise _WrongError(place, error) from error


def _find_line(node: Any, place: Sequence[str | int]) -> int:
    """Return the line of the deepest part of the place that is in the file."""
    line = 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return int(line)
