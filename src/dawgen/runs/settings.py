"""Resolves what a job shall do: defaults, then preset, then file, then arguments; unknown keys name the nearest."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dawgen.config import INITS, BaselineConfig, RunConfig, TargetConfig
from dawgen.errors import SECRET, ConfigError, name_place, say_fault, suggest
from dawgen.files import is_place
from dawgen.methods.table import check_names
from dawgen.models.resolve import MINIS
from dawgen.presets import PRESETS
from dawgen.yaml_text import load_yaml

# Sections whose values are words, whatever YAML would make of them, and the sections that say how files are read.
_FILES = ("columns", "synthetic_columns")
_WORDS = (*_FILES, "label_words")


def resolve_config(
    *,
    preset: str = "mini",
    file: Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
) -> RunConfig:
    """Return the validated settings of a job.

    file: YAML with the keys of `RunConfig`. arguments: values from the command line, None for those not given.
    assignments: texts like "target.rate=0.1", whose right side is YAML.

    Raises ConfigError for an unknown preset, file, key or value, naming the nearest key.
    """
    if preset not in PRESETS:
        raise ConfigError(f"--preset {preset}: {suggest(preset, PRESETS)}")
    merged: dict[str, Any] = {}
    for layer in (PRESETS[preset], _read_file(file), _drop_absent(arguments or {}), read_assignments(assignments)):
        merge_settings(merged, layer)
    _check_keys(merged, RunConfig)
    if merged.get("question") is not None and isinstance(merged.setdefault("target", {}), dict):
        merged["target"].setdefault("init", "question")  # who gives a question wants it asked
    try:
        config = RunConfig.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        place = name_place(first["loc"])
        came = "" if first["type"] == SECRET else f", found {reprlib.repr(first['input']):.60}"
        cause = None if first["type"] == SECRET else error  # whose own words show the value
        raise ConfigError(f"{place}: {say_fault(first)}{came}.") from cause
    check_names(config.methods)
    if config.target.init not in INITS and not is_place(config.target.init):
        known = suggest(config.target.init, INITS)
        raise ConfigError(f"target.init: expected a way to start or the folder of a bundle; {known}")
    return config


def note_settings(target: TargetConfig, kind: str) -> str | None:
    """Return what to say about a causal target that is trained with the defaults, which encoder-decoders chose."""
    default = TargetConfig()
    if kind != "causal" or target.model in MINIS or (target.init, target.steps) != (default.init, default.steps):
        return None
    return (
        f"{target.model} is a causal model, and target has the defaults that were found on encoder-decoders: "
        f"--preset smollm2 --set target.model={target.model} has those for causal ones (docs/smollm2.md)"
    )


def _read_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such configuration file.")
    try:
        value = load_yaml(file.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{file}: expected YAML: {error}.") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{file}: expected keys such as shots: 16, found {reprlib.repr(value):.40}.")
    complete_recorded(value)
    if value.get("record") is not None and isinstance(value.get("target"), dict):
        value["target"].setdefault("placement", "before")  # which no file says
    # A run's own config.yaml may be given: what it records beside the settings is ignored.
    value.pop("record", None)
    return value


def complete_recorded(recorded: dict[str, Any]) -> None:
    """Put into a run's config.yaml what came after it: it has all settings that there were; one that it lacks was off.

    A file that no run has written is left alone: there a missing setting is the default.
    """
    if recorded.get("record") is None:
        return
    recorded.setdefault("question", None)
    missing: dict[str, dict[str, Any]] = {
        "target": {"chat": False, "patience": 0},
        "generator": {"chat": False},
        "baselines": {
            name: getattr(BaselineConfig(), name) for name in ("encoder", "setfit_steps")
        },  # of later methods
    }
    for section, values in missing.items():
        if isinstance(recorded.get(section), dict):
            for name, value in values.items():
                recorded[section].setdefault(name, value)


def _drop_absent(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def read_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return nested settings from texts like "target.rate=0.1". Raises ConfigError for a text without key or value."""
    layer: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {_show(text)}: expected key=value, such as target.rate=0.1.")
        inner = layer
        *path, last = key.strip().split(
            ".", 2 if key.strip().startswith(("columns.labels.", "synthetic_columns.labels.")) else -1
        )
        for part in path:
            if not isinstance(inner.setdefault(part, {}), dict):
                inner[part] = {}  # an earlier assignment that gave no section; the later one holds
            inner = inner[part]
        found = _read_words(value) if [*path, last][0] in _WORDS else _read_value(key, value)
        merge_settings(inner, {last: found})
    return layer


def _read_value(key: str, value: str) -> Any:
    try:
        return load_yaml(value)
    except ValueError as error:
        raise ConfigError(
            f"--set {_show(key)}: expected a value as YAML has them, such as 0.1, true, [a, b] or 'a text', found "
            f"{value!r:.60}: {error}."
        ) from error


def _show(text: str) -> str:
    """Return a text of the user's as it can be printed, in one line that is not too long."""
    return (text if text.isprintable() else ascii(text))[:60]


def _read_words(value: str) -> Any:
    """Return a value that is words as it stands: no, 1 and null can be names; quotes and {a: b} are those of YAML."""
    if not value.lstrip().startswith(("{", '"', "'")):
        return value
    try:
        return _keep_null(load_yaml(value, yaml.BaseLoader))
    except ValueError:
        return value


def _keep_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: None if inner in ("null", "~", "") else inner for key, inner in value.items()}
    return value


def merge_settings(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Put a layer over `into`, section by section. A `rate` takes the place of an `lr` of the layers below."""
    if "rate" in layer and "lr" not in layer:
        into.pop("lr", None)
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge_settings(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _check_keys(values: Mapping[str, Any], model: type[BaseModel], prefix: str = "") -> None:
    for key, value in values.items():
        if key not in model.model_fields:
            raise ConfigError(f"unknown key {prefix + str(key)!r}; {suggest(str(key), model.model_fields)}")
        section = model.model_fields[key].annotation
        if isinstance(value, Mapping) and isinstance(section, type) and issubclass(section, BaseModel):
            _check_keys(value, section, f"{prefix}{key}.")
