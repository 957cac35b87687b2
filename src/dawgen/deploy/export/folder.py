"""Folders that are complete or absent, like the files of dawgen.files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dawgen.errors import ConfigError, name_disk_fault
from dawgen.outputs import NOTES, check_folder, hold


def check_new(folder: Path) -> None:
    """Raise ConfigError if there is something in the folder."""
    check_folder(folder)
    if folder.is_dir() and any(item.name != NOTES for item in folder.iterdir()):
        raise ConfigError(f"{folder}: expected a new or empty folder, found files. Choose another --out.")


@contextmanager
def fill_new(folder: Path, verb: str) -> Iterator[Path]:
    """Yield a folder beside the wanted one that becomes it when the block ends; on an error nothing is left.

    Raises:
        ConfigError: there is something in the wanted folder, or another process fills it.
    """
    check_new(folder)
    folder = folder.resolve()  # of a link to an empty folder, that folder
    place = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        with hold(folder, verb):
            with name_disk_fault(place):
                place.mkdir(parents=True)
            yield place
        with name_disk_fault(folder):
            if folder.exists():
                folder.rmdir()
            place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
