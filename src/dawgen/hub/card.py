"""What the cards of all that dawgen publishes share: front matter, licence, cells of tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from dawgen.errors import ConfigError

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{1,39}")
UNKNOWN = "unknown-follows-the-base-model-and-the-training-data"


def write_card(front: Mapping[str, Any], parts: Sequence[str]) -> str:
    """Return a Hugging Face card: front matter in YAML, then the parts with an empty line between."""
    matter = yaml.safe_dump(dict(front), sort_keys=False, allow_unicode=True)
    return f"---\n{matter}---\n\n" + "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def describe_licence(given: str | None, unknown: str) -> dict[str, str]:
    """Return the licence fields of a card: the given identifier of the hub's list, else "other" with a name.

    Raises:
        ConfigError: what is given cannot be such an identifier.
    """
    if given is None:
        return {"license": "other", "license_name": unknown}
    if not _LICENCE.fullmatch(given):
        raise ConfigError(
            f"--license {given}: expected an identifier of the hub's list, such as mit, apache-2.0 or cc-by-4.0."
        )
    return {"license": given}


def write_licence(given: str | None) -> str:
    """Return the card's part about the licence of a trained thing."""
    if given is None:
        return "## Licence\n\nUnknown: it follows the base model's licence and the terms of the training data."
    return f"## Licence\n\n{given}, as its publisher says; the base model has its own."


def write_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown; bars and line ends in cells do not break it."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_write_cell(cell) for cell in line)} |" for line in lines)


def write_settings(settings: Mapping[str, Any]) -> str:
    """Return settings in one line."""
    return ", ".join(f"`{name}` {value}" for name, value in settings.items())


def _write_cell(cell: object) -> str:
    return " ".join(str(cell).split()).replace("|", "\\|").replace("<", "&lt;")
