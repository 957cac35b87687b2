"""What the settings mean, as data: key, meaning, default and what each may be, read from `config.py` itself.

>>> from dawgen.meanings import list_meanings
>>> [one] = [one for one in list_meanings() if one.key == "target.surgery"]
>>> one.default, one.allowed
('project', 'none, project, pcgrad, agem, gradvac or drop')
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml
from pydantic import BaseModel

from dawgen.config import RunConfig

KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """One setting. key: as `--set` takes it. allowed: in words. choices: words that it may be."""

    key: str
    meaning: str
    default: Any
    allowed: str
    choices: tuple[str, ...] = ()


def list_meanings(model: type[BaseModel] = RunConfig) -> list[Meaning]:
    """Return what each setting of a job means, section by section, in the order of `config.py`."""
    return list(_walk(model, ""))


def write_settings(settings: BaseModel) -> str:
    """Return settings as YAML for `--config`, each under a line with its meaning, what it may be and its default."""
    return "".join(f"{line}\n" for line in _write(settings, ""))


def _write(settings: BaseModel, indent: str) -> Iterator[str]:
    known = {one.key: one for one in _list_own(type(settings))}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from ("", f"{indent}# {field.description}", f"{indent}{name}:")
            yield from _write(value, f"{indent}  ")
            continue
        one = known[name]
        yield f"{indent}# {one.meaning} [{one.allowed}; default {_scalar(one.default)}]"
        yield f"{indent}{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    """Return a value as YAML in one line."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=math.inf, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Meaning]:
    own = {one.key: one for one in _list_own(model)}
    for name, field in model.model_fields.items():
        if name in own:
            yield replace(own[name], key=prefix + name)
        else:
            yield from _walk(field.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]


def _list_own(model: type[BaseModel]) -> Iterator[Meaning]:
    """Return the settings of a section without those of sections inside it."""
    schema = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            continue
        default = field.get_default(call_default_factory=True)
        choices = tuple(_list_choices(schema[name]))
        yield Meaning(name, field.description or "", default, _allow(schema[name]), choices)


def _allow(schema: Mapping[str, Any]) -> str:
    """Return in words what a JSON Schema allows."""
    if "anyOf" in schema:
        return "; ".join(_allow(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return _join([str(value) for value in schema.get("enum", [schema.get("const")])])
    if schema.get("type") == "array":
        return f"list of {_allow(schema['items'])}" + (", one or more" if schema.get("minItems") else "")
    if schema.get("type") == "object":
        return f"{_allow(schema['additionalProperties'])} by name"
    kind = KINDS[schema["type"]]
    bounds = _bound(schema)
    return f"{kind}, {bounds}" if bounds else kind


def _bound(schema: Mapping[str, Any]) -> str:
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    low = f"above {above:g}" if above is not None else "" if least is None else f"{least:g}"
    high = f"below {below:g}" if below is not None else "" if most is None else f"{most:g}"
    if low and high:
        return f"{low} to {high}"
    if low:
        return low if above is not None else f"{low} or more"
    return high if below is not None or not high else f"{high} or less"


def _list_choices(schema: Mapping[str, Any]) -> Iterator[str]:
    for part in schema.get("anyOf", [schema]):
        named = part.get("enum", [part["const"]] if "const" in part else part.get("examples", []))
        yield from (str(value) for value in named)
        if part.get("type") == "boolean":
            yield from ("true", "false")
        yield from _list_choices(part["items"]) if part.get("type") == "array" else ()


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
