"""An estimator's parameters, taken from a class of settings: a new setting is one edit, in `config.py`."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from dawgen.errors import SECRET, ConfigError, name_place, say_fault, suggest
from dawgen.section import BITS, MOST

Init = TypeVar("Init", bound=Callable[..., None])
Config = TypeVar("Config", bound=BaseModel)


def take_settings(config: type[BaseModel], without: Collection[str] = ()) -> Callable[[Init], Init]:
    """Return a decorator of an estimator's `__init__(self, ..., *, ..., **settings)`.

    Every field of `config`, but for those `without`, becomes a keyword parameter with its type and default, before the
    keyword parameters that the function names itself; a field that it names too keeps its place there. The signature is
    a real one: `help`, `get_params` and `clone` see it. All arguments are stored as they are, under their own names,
    which is all that scikit-learn wants of a constructor; `read_settings` checks them.
    """

    def decorate(init: Init) -> Init:
        own = [p for p in inspect.signature(init).parameters.values() if p.kind is not p.VAR_KEYWORD]
        named = {parameter.name for parameter in own}
        added = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.get_default(call_default_factory=True),
                annotation=field.annotation,
            )
            for name, field in config.model_fields.items()
            if name not in named and name not in without
        ]
        before = [p for p in own if p.kind is not p.KEYWORD_ONLY]
        after = [p for p in own if p.kind is p.KEYWORD_ONLY]
        signature = inspect.Signature([*before, *added, *after])
        names = list(signature.parameters)[1:]

        @wraps(init)
        def store(self: Any, *arguments: Any, **keywords: Any) -> None:
            for name in keywords:
                if name not in names:
                    raise TypeError(f"{type(self).__name__} has no parameter {name!r}; {suggest(name, names)}")
            bound = signature.bind(self, *arguments, **keywords)
            bound.apply_defaults()
            for name, value in list(bound.arguments.items())[1:]:
                setattr(self, name, value)

        store.__signature__ = signature  # type: ignore[attr-defined]
        return store  # type: ignore[return-value]

    return decorate


def read_seed(seed: Any) -> int:
    """Return a seed as a plain number; numpy's are taken as well.

    Raises:
        ConfigError: it is no whole number of so many bits as a seed has.
    """
    try:
        if not isinstance(seed, bool) and abs(operator.index(seed)) < 2**BITS:
            return operator.index(seed)
    except TypeError:
        pass
    raise ConfigError(f"seed: expected a whole number of at most {BITS} bits, got {seed!r:.60}.")


def read_count(count: Any, name: str) -> int:
    """Return a number of things as a plain one, at least 1; numpy's are taken as well.

    Raises:
        ConfigError: it is none.
    """
    try:
        if not isinstance(count, bool) and 1 <= operator.index(count) <= MOST:
            return operator.index(count)
    except TypeError:
        pass
    raise ConfigError(f"{name}: expected a whole number, at least 1 and at most {MOST:,}, got {count!r:.60}.")


def read_settings(estimator: Any, config: type[Config], section: str, **others: Any) -> Config:
    """Return the estimator's settings, checked; `others` instead of its own attributes. Those that are no parameters
    of it have their defaults.

    Raises:
        ConfigError: a value that is out of bounds or of another type, by its name in config files.
    """
    names = inspect.signature(type(estimator)).parameters
    values = {name: getattr(estimator, name) for name in config.model_fields if name in names} | others
    try:
        return config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        came = "" if first["type"] == SECRET else f", got {first['input']!r:.60}"
        cause = None if first["type"] == SECRET else error  # whose own words show the value
        raise ConfigError(f"{section}.{name_place(first['loc'])}: {say_fault(first)}{came}.") from cause
