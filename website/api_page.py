"""The reference of the public names, from their docstrings: which names stand on which page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module

import dawgen

# By page. A name of `dawgen.__all__` that is in none of them stands on the last page.
GROUPS = {
    "api-classifier.md": ("Classifier", ("PromptClassifier",)),
    "api-generator.md": ("Generator and curation", ("Generator", "curate")),
    "api-data.md": ("Data and tasks", ("read", "Example", "Task")),
    "api-scenes.md": ("Scenes", ("scenes",)),
    "api-serving.md": ("Client of a service", ("Client",)),
    "api-models.md": (
        "Models, export, reports, errors",
        ("resolve_model", "models.load.load_target", "export_peft", "import_peft", "open_report", "errors"),
    ),
}
LAST = "api-models.md"
INDEX = "api.md"


def list_pages() -> Iterator[tuple[str, str, Callable[[], str]]]:
    """Yield name and title of each page, and what makes it."""
    yield INDEX, "Python", make_index
    for name in GROUPS:
        yield name, GROUPS[name][0], partial(make_page, name)


def list_names(page: str) -> list[str]:
    """Return the names of a page, without `dawgen.`."""
    names = list(GROUPS[page][1])
    if page == LAST:
        known = {name for _, group in GROUPS.values() for name in group}
        names += [name for name in dawgen.__all__ if name not in known and not name.startswith("__")]
    return names


def make_page(page: str) -> str:
    """Return a page as Markdown for mkdocstrings."""
    blocks = "".join(f"\n::: dawgen.{name}\n" for name in list_names(page))
    return f"# {GROUPS[page][0]}\n{blocks}"


def make_index() -> str:
    """Return the page that leads to the others, with the first sentence of each name."""
    lines = ["# Python\n", "`import dawgen` loads nothing heavy: each name loads when it is first used."]
    lines += ["How they work together, with scikit-learn and tables too, is on [From Python](python.md).\n"]
    for page in GROUPS:
        lines.append(f"\n## [{GROUPS[page][0]}]({page})\n")
        for name in list_names(page):
            lines.append(f"- [`dawgen.{name}`][dawgen.{name}]: {_say(name)}")
    return "\n".join(lines) + "\n"


def _say(name: str) -> str:
    """Return the first sentence of a name's docstring."""
    home, _, last = f"dawgen.{name}".rpartition(".")
    try:
        value = getattr(import_module(home), last)
    except AttributeError:
        value = import_module(f"dawgen.{name}")
    text = " ".join((value.__doc__ or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".:") + "."
