"""The methods by name, in the order of tables: the specs of all files in this folder."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

import dawgen.methods
from dawgen.errors import ConfigError, suggest
from dawgen.methods.spec import MethodSpec


def list_specs() -> list[MethodSpec]:
    """Return the specs that end the files of the folder, in the order of tables."""
    specs: list[MethodSpec] = []
    for found in iter_modules(dawgen.methods.__path__, "dawgen.methods."):
        if not found.ispkg and found.name != __name__:
            module = import_module(found.name)
            specs += getattr(module, "SPECS", ())
    return sorted(specs, key=lambda spec: spec.place)


METHODS: dict[str, MethodSpec] = {spec.name: spec for spec in list_specs()}


def find_method(name: str) -> MethodSpec:
    """Return the spec of a method.

    Raises:
        ConfigError: no method has the name; the nearest one is said.
    """
    if name not in METHODS:
        raise ConfigError(f"unknown method {name!r}; {suggest(name, METHODS)}")
    return METHODS[name]


def check_names(names: Iterable[str]) -> None:
    """Raise ConfigError for the first name in `RunConfig.methods` that no method has."""
    for number, name in enumerate(names):
        try:
            find_method(name)
        except ConfigError as error:
            raise ConfigError(f"methods.{number}: {error}") from error
