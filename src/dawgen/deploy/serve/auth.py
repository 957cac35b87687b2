"""Who may ask: the Host header must be allowed, the Origin must be this service's own, and the token must match."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import ConfigError
from dawgen.web import is_elsewhere, names_loopback

VARIABLE = "DAWGEN_TOKEN"
SHORTEST = 16  # characters of a token: too many to guess over the network
GUARDED = ("/v1/", "/metrics", "/openapi.json")  # what needs the token; pages and probes do not

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")  # what RFC 6750 allows after Bearer


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status with the sentence that explains it; reason: one word for the metrics."""

    status: int
    reason: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


def find_refusal(path: str, headers: Mapping[str, str], settings: ServeSettings) -> Refusal | None:
    """Return why a request is refused before its body is read, None if it may pass. headers: names in lower case."""
    if not (settings.hosts is None or names_loopback(headers) or read_host(headers) in settings.hosts):
        return Refusal(403, "host", "This service does not answer to that host name; --allow-host adds names.")
    if is_elsewhere(headers):
        return Refusal(403, "origin", "Requests from other pages are refused.")
    if settings.token is None or not path.startswith(GUARDED):
        return None
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and is_token(given.strip(), settings.token.get_secret_value()):
        return None
    said = "The token is wrong." if given else "Expected a token: send the header 'Authorization: Bearer TOKEN'."
    return Refusal(401, "token", said, {"WWW-Authenticate": "Bearer"})


def read_host(headers: Mapping[str, str]) -> str:
    """Return the name that a request asks for, without its port. headers: names in lower case."""
    return headers.get("host", "").partition(":")[0].lower()


def is_token(given: str, token: str) -> bool:
    """Compare in constant time, so that the time taken reveals neither the token nor its length."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, token)]
    return hmac.compare_digest(*digests)


def read_token(file: Path | None) -> str | None:
    """Return the token of a file or, without one, of the environment variable DAWGEN_TOKEN; None if neither is there.

    Raises:
        ConfigError: the file cannot be read, or the token is short or has other characters than a header may have.
    """
    if file is None:
        source, text = VARIABLE, os.environ.get(VARIABLE)
    else:
        source = str(file)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file}: expected a file with a token, could not read it ({error}).") from error
    if text is None:
        return None
    token = text.strip()
    if len(token) < SHORTEST or not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"{source}: expected a token of {SHORTEST} or more letters, digits and . _ ~ + / = -, found {len(token)} "
            "characters" + (".\n" if len(token) < SHORTEST else ", others among them.\n") + "Make one with "
            '`python -c "import secrets; print(secrets.token_urlsafe(32))"`.'
        )
    return token
