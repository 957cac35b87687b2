"""Resolves what a job shall do: defaults, then preset, then file, then arguments; unknown keys name the nearest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dawgen.config import INITS, RunConfig, TargetConfig
from dawgen.errors import ConfigError, name_place, suggest
from dawgen.methods.table import check_names
from dawgen.models.resolve import MINIS
from dawgen.presets import PRESETS

_WORDS = ("columns", "label_words")  # sections whose values are words, whatever YAML would make of them


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
        said = first["msg"].removeprefix("Value error, ")
        reason = said[0].lower() + said[1:]
        raise ConfigError(
            f"{place}: {reason.replace('input should', 'the value should')}, found {first['input']!r:.60}."
        ) from error
    check_names(config.methods)
    if config.target.init not in INITS and not Path(config.target.init).exists():
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
        value = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: expected YAML: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{file}: expected keys such as shots: 16, found {value!r:.40}.")
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
    if recorded.get("record") is not None:
        recorded.setdefault("question", None)
    for section, off in (("target", {"chat": False, "patience": 0}), ("generator", {"chat": False})):
        if recorded.get("record") is not None and isinstance(recorded.get(section), dict):
            for name, value in off.items():
                recorded[section].setdefault(name, value)


def _drop_absent(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def read_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return nested settings from texts like "target.rate=0.1". Raises ConfigError for a text without key or value."""
    layer: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {text}: expected key=value, such as target.rate=0.1.")
        inner = layer
        *path, last = key.strip().split(".", 2 if key.strip().startswith("columns.labels.") else -1)
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = _read_words(value) if [*path, last][0] in _WORDS else yaml.safe_load(value)
    return layer


def _read_words(value: str) -> Any:
    """Return a value that is words as it stands: no, 1 and null can be names; quotes and {a: b} are those of YAML."""
    if not value.lstrip().startswith(("{", '"', "'")):
        return value
    try:
        return _keep_null(yaml.load(value, Loader=yaml.BaseLoader))
    except yaml.YAMLError:
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
