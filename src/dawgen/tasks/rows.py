"""Labelled rows that come with a task: a CSV file of its name beside the task file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def find_rows(name: str) -> Path | None:
    """Return the file of labelled rows that comes with the task of that name, None where there is none.

    >>> from dawgen.tasks import find_rows
    >>> find_rows("tickets").name
    'tickets.csv'
    """
    path = Path(str(resources.files("dawgen.tasks"))) / f"{name}.csv"
    return path if Path(name).name == name and path.is_file() else None
