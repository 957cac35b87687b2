"""The libraries of the pages, which a plain installation does not have."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dawgen.errors import ConfigError


def import_fastapi(verb: str, *others: str) -> Any:
    """Return the module fastapi. others: modules that the verb needs beside it and uvicorn.

    Raises ConfigError where one of them is not installed.
    """
    try:
        for name in ("uvicorn", *others):
            import_module(name)
        return import_module("fastapi")
    except ImportError as error:
        raise ConfigError(
            f"{verb}: expected the libraries FastAPI and uvicorn, found no {error.name or 'such module'}; "
            'install them with `pip install "dawgen[web]"`.'
        ) from error
