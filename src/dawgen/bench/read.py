"""Reads a grid file. Errors name file, line and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dawgen.bench.arms import parse_arm
from dawgen.bench.grid import FILES, SETS, TAKEN, Block, Grid, TaskFiles, fill_name, name_set
from dawgen.errors import ConfigError, DawgenError, say_fault, suggest
from dawgen.report.grid.arms import GENERATORS
from dawgen.tasks import Task
from dawgen.yaml_text import load_yaml

INNER: dict[str, type[BaseModel]] = {"tasks": TaskFiles, "blocks": Block}


def read_grid(path: Path, data: Path | None = None, *, need_files: bool = True) -> Grid:
    """Return the grid with its files found. data: the folder of the tasks' files, by default the grid's own.

    need_files: whether they must be there.

    Raises:
        ConfigError: no such file, no YAML, or a wrong key or value, with its line.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such grid file.")
    text = path.read_bytes()
    try:
        raw, node = load_yaml(text), yaml.compose(text)
    except ValueError as error:
        raise ConfigError(f"{path}: expected YAML: {error}.") from error
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
        line = _find_line(node, first["loc"])
        raise ConfigError(f"{path}:{line}: {place}: {say_fault(first)}, found {first['input']!r:.60}.") from error


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
        for (spot, multiple), shots in product(enumerate(block.multiples), block.shots):
            if multiple * shots != round(multiple * shots):
                message = f"{multiple} times {shots} shots: expected a whole number of synthetic examples."
                raise _WrongError((*place, "multiples", spot), message)
        _check_settings(block.settings, (*place, "settings"))
        _check((*place, "settings"), grid.resolve, block)
        _check_sweep(grid, block, (*place, "sweep"))
    blocks = tuple(_find_sets(block, ("blocks", n, "sets"), data, need_files) for n, block in enumerate(grid.blocks))
    return grid.model_copy(update={"tasks": tasks, "blocks": blocks})


def _check_sweep(grid: Grid, block: Block, place: tuple[str | int, ...]) -> None:
    for name, values in block.sweep.items():
        if (taken := TAKEN.get(name)) is not None:
            raise _WrongError((*place, name), f"a grid says this by {taken!r}.")
        for value in values:
            _check((*place, name), grid.resolve, block, {name: value})


def _find_sets(block: Block, place: tuple[str | int, ...], data: Path, need_files: bool) -> Block:
    """Return the block with whole paths of sets. Raises _WrongError for a set that is not there or adds nothing."""
    found = tuple(text if text in SETS else str(data / text) for text in block.sets)
    names = [name_set(text) for text in found]
    if len(set(names)) < len(names):
        raise _WrongError(place, f"expected sets of different names, found {', '.join(names)}.")
    for text in found:
        if text not in SETS:
            _check_file(block, text, place, need_files)
    return block.model_copy(update={"sets": found})


def _check_file(block: Block, text: str, place: tuple[str | int, ...], need_files: bool) -> None:
    for task, seed, shots in product(block.tasks, block.seeds, block.shots):
        path = fill_name(text, Task.load(task).name, seed, shots)
        if need_files and not Path(path).is_file():
            raise _WrongError(place, f"there is no such file: {path}; expected curated, raw, or a file with a set.")
    ways: dict[tuple[str, str], str] = {}
    for arm in block.list_arms():
        if arm.method in GENERATORS and ways.setdefault((arm.schedule, arm.surgery), arm.name) != arm.name:
            other = ways[arm.schedule, arm.surgery]
            message = f"{Path(text).name} takes the place of a generator's set, so that {other} and {arm.name} are one."
            raise _WrongError(place, f"{message} Give it a block with one generator.")


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
