"""What the shell offers behind an option, as in `dawgen run --preset sm<TAB>`, and how help shows a choice.

`dawgen --install-completion` sets it up. Each list is made when the shell asks for it, where its names are defined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

Complete = Callable[[str], list[str]]

SOME = 50  # files that are offered at a time
WIDEST = 24  # characters of choices in place of a value; wider ones would take the room of the help's words


def choose(help: str, names: Iterable[str], *declarations: str, **others: Any) -> Any:  # noqa: A002
    """Return an option that takes one of the names: help shows them and the shell completes them.

    The value is checked where it is used, by an error that names the nearest.
    """
    known = list(names)
    shown = f"[{'|'.join(known)}]"
    if len(shown) > WIDEST:
        help, shown = f"{help}; one of {', '.join(known)}", "NAME"  # noqa: A001
    return typer.Option(*declarations, help=help, metavar=shown, autocompletion=complete_names(known), **others)


def complete_names(names: Iterable[str]) -> Complete:
    """Return what completes one of the names."""
    known = list(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return complete


def complete_lists(names: Iterable[str]) -> Complete:
    """Return what completes names with commas between them, each once."""
    known = list(names)

    def complete(incomplete: str) -> list[str]:
        *given, last = incomplete.split(",")
        return [",".join([*given, name]) for name in known if name.startswith(last) and name not in given]

    return complete


def complete_tasks(incomplete: str) -> list[str]:
    """Return tasks that come with dawgen, and YAML files."""
    from dawgen.tasks import Task

    return [*(name for name in Task.names() if name.startswith(incomplete)), *_list_files(incomplete, ".yaml", ".yml")]


def complete_grids(incomplete: str) -> list[str]:
    """Return grids that come with dawgen, and YAML files."""
    from dawgen.bench.named import list_grids

    return [*(name for name in list_grids() if name.startswith(incomplete)), *_list_files(incomplete, ".yaml", ".yml")]


def complete_models(incomplete: str) -> list[str]:
    """Return models that have a short name, fetched ones, folders and GGUF files."""
    from dawgen.models.listing import list_models

    names = [entry.name for entry in list_models()]
    return [*(name for name in names if name.startswith(incomplete)), *_list_files(incomplete, ".gguf")]


def complete_settings(incomplete: str) -> list[str]:
    """Return settings as `target.rate=`, or behind the equals sign the values that a setting can have."""
    from dawgen.meanings import list_meanings

    key, equals, value = incomplete.partition("=")
    known = list_meanings()
    if not equals:
        return [f"{one.key}=" for one in known if one.key.startswith(key)]
    choices = next((one.choices for one in known if one.key == key), ())
    if not choices and key.endswith(".model"):
        choices = tuple(complete_models(value))
    return [f"{key}={choice}" for choice in choices if choice.startswith(value)]


def _list_files(incomplete: str, *endings: str) -> list[str]:
    """Return folders and files of these kinds that begin so; none where there is no such folder."""
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    try:
        found = sorted(folder.iterdir())[: 20 * SOME] if incomplete else []
    except (OSError, ValueError):
        return []
    names = [f"{path}/" if path.is_dir() else str(path) for path in found if path.is_dir() or path.suffix in endings]
    return [name for name in names if name.startswith(incomplete)][:SOME]
