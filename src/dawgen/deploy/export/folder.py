"""Folders that are complete or absent, like the files of dawgen.files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dawgen.errors import ConfigError


def check_new(folder: Path) -> None:
    """Raise ConfigError if there is something in the folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: expected a new or empty folder, found files. Choose another --out.")


@contextmanager
def fill_new(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the wanted one that becomes it when the block ends; on an error nothing is left.

    Raises:
        ConfigError: there is something in the wanted folder.
    """
    check_new(folder)
    place = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    place.mkdir(parents=True)
    try:
        yield place
        if folder.exists():
            folder.rmdir()
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
