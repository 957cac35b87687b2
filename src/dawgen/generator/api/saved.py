"""A generator behind an API on disk: generator.json, with what is asked for each label and without any key."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from dawgen.config import DecodeConfig, GeneratorConfig
from dawgen.errors import BundleError, ConfigError
from dawgen.section import Settings
from dawgen.tasks.task import Task

SAVED = "generator.json"


class ServedRecord(Settings):
    """The content of generator.json. scores: whether its server gives log-probabilities of
    a given text, None where it was not asked. prompts: what is asked for each label."""

    format: int = 1
    task: Task
    settings: GeneratorConfig
    decode: DecodeConfig
    seed: int
    shots: tuple[tuple[str, str | None, str], ...]
    scores: bool | None
    prompts: dict[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The server, without the scheme and the path."""
        return urlsplit(self.settings.url or "").netloc


def check_served(config: GeneratorConfig) -> None:
    """Check that settings name a server where one is to write, and none elsewhere.

    Raises:
        ConfigError: they do not, or a budget in money has no prices.
    """
    if config.kind != "api":
        if config.url is not None:
            raise ConfigError(f"generator.url: expected generator.kind=api with it, found {config.kind}.")
        return
    default = GeneratorConfig.model_fields["model"].default
    if config.url is None:
        raise ConfigError(
            "generator.kind=api: expected generator.url, the address of a server such as http://localhost:8000/v1."
        )
    if config.model == default:
        raise ConfigError(f"generator.kind=api: expected generator.model, the server's name of it, found {default}.")
    if config.budget_money is not None and (config.price_in is None or config.price_out is None):
        raise ConfigError("generator.budget_money: expected generator.price_in and generator.price_out with it.")


def is_served(folder: Path) -> bool:
    """Return whether a folder holds a generator behind an API."""
    try:
        return bool(json.loads((folder / SAVED).read_bytes())["settings"]["kind"] == "api")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_served(folder: Path) -> ServedRecord:
    """Return the record of a saved generator behind an API.

    Raises:
        BundleError: the file is missing or damaged.
    """
    try:
        return ServedRecord.model_validate_json((folder / SAVED).read_bytes())
    except (OSError, ValueError, ValidationError) as error:
        raise BundleError(
            f"{folder}: expected a saved generator behind an API ({SAVED}): {' '.join(str(error).split())[:150]}"
        ) from error
