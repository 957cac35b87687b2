"""The cache of keys and values under its two names: transformers calls it `past_key_values` up to 5.23, then `cache`.

5.24 takes the old name with a warning and 5.40 takes it no longer. Models that bring their own code may keep either,
so the signature of the model's own forward decides.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

NAMES = ("cache", "past_key_values")


def name_cache(model: Any) -> str:
    """Return the name under which the model's forward, and so its `generate`, takes the cache."""
    return _read_name(type(model).forward)


def read_cache(output: Any) -> Any:
    """Return the cache that a model's output holds, None where it holds none."""
    return next((value for name, value in output.items() if name in NAMES), None)


def has_cache(options: dict[str, Any]) -> bool:
    """Return whether the keyword arguments of a layer hold a cache, under either name."""
    return any(options.get(name) is not None for name in NAMES)


@functools.cache  # decoding asks at every step, and reading a signature takes longer than a small layer
def _read_name(forward: Callable[..., Any]) -> str:
    taken = inspect.signature(forward).parameters
    return next((name for name in NAMES if name in taken), NAMES[-1])
