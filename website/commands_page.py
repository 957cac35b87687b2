"""The reference of the command line, from the verbs themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from dawgen.cli import app

INTRO = """# Command line

Every verb of `dawgen` with its arguments and options, as `dawgen VERB --help` prints them. This page is made from the
command line itself when the site is built. `--quiet` and `--debug` may stand before a verb or behind it;
`dawgen --install-completion` completes verbs, options and values.
"""


def make_page() -> str:
    """Return the page as Markdown."""
    return "".join((INTRO, *_write(typer.main.get_command(app), "dawgen")))


def _write(command: Any, name: str) -> Iterator[str]:
    for verb, inner in getattr(command, "commands", {}).items():
        full = f"{name} {verb}"
        if hasattr(inner, "commands"):
            yield from _write(inner, full)
            continue
        text = re.sub(r"\n {4}", "\n", inner.help or "").strip()
        yield f"\n## {full}\n\n{_escape(text)}\n\n"
        yield from (_write_parameter(one) for one in inner.params if one.name != "help")


def _write_parameter(one: Any) -> str:
    names = [*one.opts, *one.secondary_opts]
    if one.param_type_name == "argument":
        names = [one.metavar or str(one.name).upper()]
    elif one.metavar and not one.is_flag:
        names[-1] += f" {one.metavar}"
    shown = " / ".join(f"`{name}`" for name in names)
    facts = ["required"] if one.required else []
    if not callable(one.default) and one.default not in (None, False, "", ()) and not one.required:
        facts.append(f"default: `{one.default}`")
    said = _escape(str(getattr(one, "help", None) or ""))
    return f"- {shown}: {said}{f' ({chr(44).join(facts)})' if facts else ''}\n"


def _escape(text: str) -> str:
    """Return help as Markdown shows it: what looks like a tag or a link is text."""
    return re.sub(r"([<>\[\]*_])", r"\\\1", text)
