"""The templates of the report and the dataset card, and how they write numbers.

In use:

    from dawgen.report.templates import make_environment
    page = make_environment().get_template("page.html.j2").render(runs=runs)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup, escape

from dawgen.report.table.layout import Layout
from dawgen.stats import show_percent

REASONS = {
    "empty": "no words",
    "truncated": "cut at the token limit before the text ended",
    "copy": "text2 repeats text1 verbatim",
    "leak": "the pair is in the dev or test set",
    "echo": "repeats a few-shot example",
    "duplicate": "the same texts were kept before",
    "near_duplicate": "nearly the same texts were kept before under this label",
    "near_copy": "text2 takes more words from text1 than real examples of the label do",
    "posterior": "the generator finds another label as likely or likelier",
    "judge": "a classifier of the few shots finds the label unlikely",
    "not_chosen": "others of its label are likelier, or nearer to real rows that have fewer (curate.over)",
}


def make_environment() -> jinja2.Environment:
    """Return the templates of this package; HTML is escaped, undefined names are errors."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dawgen.report.templates", "."),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": show_percent,
        "number": format_number,
        "cell": format_cell,
        "breakable": break_name,
        "join_notes": join_notes,
    }
    environment.globals["reasons"] = REASONS
    return environment


def format_number(value: float | None, digits: int = 2) -> str:
    """Write a number, and a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def format_cell(text: Any) -> str:
    """Write a text into a cell of a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def break_name(text: str) -> Markup:
    """Write a name that may break after "/", "_" and ":", where a narrow column cannot hold it."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[/_:])(?=\S)", text))


def join_notes(layouts: Sequence[Layout]) -> list[list[Layout]]:
    """Return the tables in groups with the same notes, which then stand once below them."""
    groups: dict[tuple[str, ...], list[Layout]] = {}
    for layout in layouts:
        groups.setdefault(layout.table.notes, []).append(layout)
    return list(groups.values())
