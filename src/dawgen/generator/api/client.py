"""Requests to an OpenAI-compatible server: tried again where that can help, given up at once where it cannot.

Tried again, with growing pauses and as the server's Retry-After says: no connection, no answer in time, 408, 409, 425,
429, 5xx, and answers that are no JSON or hold no text. Given up at once: a refused key, an unknown model, a request
that the server does not understand, an account without credit. The key is in one header, and in no message.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dawgen.config import GeneratorConfig
from dawgen.errors import ConfigError, ServerError, first_line

T = TypeVar("T")
Body = Mapping[str, Any]

MOST_BYTES = 2**20  # of an answer: texts are a few hundred
LONGEST_PAUSE = 60.0  # seconds between two tries, where the server asks for no longer one
LONGEST_WAIT = 600.0  # seconds that a server may ask to wait
AGAIN = frozenset({408, 409, 425, 429})
# Parameters that some servers do not know; without them a request asks for the same.
OPTIONAL = {"seed": None, "temperature": None, "top_p": None, "stop": None, "max_tokens": "max_completion_tokens"}
_UNKNOWN = re.compile(
    r"unsupported|not supported|unrecogni|unknown|unexpected|not permitted|extra (?:input|field)|only the default",
    re.IGNORECASE,
)
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1|\[::1\]")
HINT = 'A generator behind an API needs packages that are not installed: pip install "dawgen[api]"'


class UnusableError(Exception):
    """An answer that may come out otherwise when it is asked for again. after: seconds that the server wants."""

    def __init__(self, said: str, after: float = 0.0) -> None:
        super().__init__(said)
        self.after = after


class RefusedError(Exception):
    """The server declines this one request, whatever is done: its content, or its length. The message is the kind."""


class Client:
    """A connection to the server of the settings, for any number of threads.

    warnings: what its user should know of the way there. Close it after use.

    Raises:
        ConfigError: httpx2 or tenacity is not installed, or `generator.key_env` names a variable that is not set.
    """

    def __init__(self, settings: GeneratorConfig) -> None:
        try:
            import httpx2
            import tenacity
        except ImportError as error:
            raise ConfigError(HINT) from error
        self._httpx, self._tenacity, self._settings = httpx2, tenacity, settings
        assert settings.url is not None
        self.url, self.host = settings.url, urlsplit(settings.url).netloc
        local = is_local(settings.url)
        self._key = find_key(settings)
        self.warnings = (
            [f"generator.url: {self.host} is reached by http, so the key can be read on the way; use https"]
            if self._key and not local and not settings.url.startswith("https:")
            else []
        )
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "dawgen"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        limits = httpx2.Limits(max_connections=settings.concurrency)
        # A proxy of the environment leads out, not to this machine.
        self._http = httpx2.Client(headers=headers, timeout=settings.timeout, limits=limits, trust_env=not local)
        self._absent: set[str] = set()
        self._lock = threading.Lock()

    def ask(self, path: str, body: Body, read: Callable[[Any], T], stop: threading.Event | None = None) -> T:
        """Return what `read` finds in the server's answer to the body. stop: when it is set, nothing is tried again.

        read: raises UnusableError for an answer without what is asked for.

        Raises:
            ServerError: no usable answer in `tries` tries, or a fault that stays. ConfigError: the key, the model or
            the address is wrong. RefusedError: the request's own content is declined.
        """
        ended, tenacity = stop or threading.Event(), self._tenacity
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(UnusableError),
            wait=self._find_pause,
            stop=tenacity.stop_after_attempt(self._settings.tries) | tenacity.stop_when_event_set(ended),
            sleep=tenacity.sleep_using_event(ended),
            reraise=True,
        )
        try:
            found: T = retrying(lambda: read(self._send(path, body)))
        except UnusableError as error:
            raise ServerError(
                f"{self.host}: expected an answer, got none that is usable in {self._settings.tries} tries; the last: "
                f"{self._hide(str(error))}.\nWhat was answered is stored: look at the server, then run the same again."
            ) from None
        return found

    def close(self) -> None:
        """Close all connections; requests on their way fail."""
        self._http.close()

    def _find_pause(self, state: Any) -> float:
        pause = self._settings.pause
        growing = self._tenacity.wait_exponential(multiplier=pause, max=LONGEST_PAUSE)
        spread = self._tenacity.wait_random(0, pause)  # so that not all threads come back at once
        error = state.outcome.exception()
        return max(float(growing(state) + spread(state)), error.after if isinstance(error, UnusableError) else 0.0)

    def _send(self, path: str, body: Body) -> Any:
        """Send the body once, in the words that the server knows, and return the JSON of a good answer."""
        with self._lock:
            absent = set(self._absent)
        status, headers, content = self._post(path, rename(body, absent))
        if status == 200:
            return parse(content)
        said = self._hide(read_fault(content))
        if status in (400, 422) and (name := find_unknown(said, rename(body, absent))):
            with self._lock:
                new = name not in self._absent
                self._absent.add(name)
            if new or name not in absent:
                return self._send(path, body)
        raise self._judge(status, headers, said)

    def _post(self, path: str, body: Body) -> tuple[int, Mapping[str, str], bytes]:
        limit, ends = self._settings.timeout, time.monotonic() + self._settings.timeout
        try:
            with self._http.stream("POST", f"{self.url}/{path}", content=json.dumps(body)) as reply:
                content = bytearray()
                for part in reply.iter_bytes():
                    content += part
                    if len(content) > MOST_BYTES:
                        raise UnusableError(f"an answer of more than {MOST_BYTES:,} bytes")
                    if time.monotonic() > ends:  # the library's limit is one for each part
                        raise UnusableError(f"no whole answer within {limit:g} seconds (generator.timeout)")
                return reply.status_code, reply.headers, bytes(content)
        except self._httpx.TimeoutException as error:
            raise UnusableError(f"no answer within {limit:g} seconds (generator.timeout)") from error
        except (self._httpx.TransportError, self._httpx.DecodingError) as error:
            raise UnusableError(f"no connection, or one that broke: {first_line(error)}") from error

    def _judge(self, status: int, headers: Mapping[str, str], said: str) -> Exception:
        """Return what an answer that is no good one means."""
        quoted = f": {said}" if said else ""
        if status in (401, 403):  # what it says may hold parts of the key
            which = self._settings.key_env or "DAWGEN_API_KEY"
            had = "the key that it got" if self._key else "a request without a key"
            return ConfigError(
                f"{self.host}: expected to be let in, it refused {had} ({status}).\n"
                f"Put the right key into the environment variable {which}; generator.key_env names another one."
            )
        if status == 402 or (status == 429 and re.search(r"insufficient_quota|billing|credit", said)):
            return ServerError(f"{self.host}: its account has no credit ({status}){quoted}.")
        if status in AGAIN or status >= 500:
            after = read_wait(headers.get("retry-after"), time.time())
            if after > LONGEST_WAIT:
                return ServerError(
                    f"{self.host}: it asks to wait for {after:,.0f} seconds ({status}){quoted}.\n"
                    "What was answered is stored: run the same again then."
                )
            return UnusableError(f"status {status}{quoted}", after)
        if status in (400, 413, 422) and re.search(
            r"content.?(filter|policy|management)|moderation|safety", said, re.I
        ):
            return RefusedError("content_filter")
        if status in (400, 413, 422) and re.search(
            r"context.?(length|window|size)|too long|maximum.{0,20}tokens", said
        ):
            return RefusedError("too_long")
        if status == 404:
            return ConfigError(
                f"{self.url}: expected a server that knows the model {self._settings.model!r}, got 404{quoted}.\n"
                f"Its models are listed at {self.url}/models; set generator.model, or generator.url (most end in /v1)."
            )
        moved = f" The address has moved to {headers['location']!r:.200}." if "location" in headers else ""
        return ServerError(f"{self.host}: expected an answer, got status {status}{quoted}.{moved}")

    def _hide(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def find_key(settings: GeneratorConfig) -> str:
    """Return the server's key from the environment, "" where none is needed or known.

    OPENAI_API_KEY goes to OpenAI's own server only: who has it in his environment has not said that another may see it.

    Raises:
        ConfigError: `key_env` names a variable that is not set, or the key cannot stand in a header.
    """
    name = settings.key_env or "DAWGEN_API_KEY"
    key = os.environ.get(name, "").strip()
    host = urlsplit(settings.url or "").hostname or ""
    if not key and settings.key_env:
        raise ConfigError(f"generator.key_env: expected a key in the environment variable {name}, found none.")
    if not key and (host == "openai.com" or host.endswith(".openai.com")):
        key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"{name}: expected a key of plain characters in this environment variable, found others.")
    return key


def is_local(url: str) -> bool:
    """Return whether an address is that of this machine."""
    return _LOOPBACK.fullmatch(urlsplit(url).hostname or "") is not None


def rename(body: Body, absent: set[str]) -> dict[str, Any]:
    """Return a request without the parameters that the server does not know, or with the newer names of them."""
    named = {(OPTIONAL.get(name) or "") if name in absent else name: value for name, value in body.items()}
    named.pop("", None)
    return named


def find_unknown(said: str, body: Body) -> str | None:
    """Return which optional parameter of a request a server's fault says it does not know."""
    if not _UNKNOWN.search(said):
        return None
    return next((name for name in OPTIONAL if name in body and re.search(rf"\b{name}\b", said)), None)


def parse(content: bytes) -> Any:
    """Return an answer's JSON. Raises UnusableError where it is none."""
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        start = content[:60].decode(errors="replace")
        raise UnusableError(f"an answer that is no JSON: {' '.join(start.split())!r}") from None


def read_fault(content: bytes) -> str:
    """Return what a server says of a fault, in one line of at most 300 characters."""
    text = content[:5000].decode(errors="replace")
    try:
        found = json.loads(content.decode(errors="replace"))
        inner = (
            found.get("error", found.get("detail", found.get("message", found))) if isinstance(found, dict) else found
        )
        if isinstance(inner, dict):
            named = [inner.get("message"), inner.get("code"), inner.get("type")]
            text = " ".join(str(one) for one in named if one) or json.dumps(inner)
        else:
            text = inner if isinstance(inner, str) else json.dumps(inner)
    except (ValueError, RecursionError):
        text = re.sub(r"<[^>]*>", " ", text)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:300].rstrip(".")


def read_wait(value: str | None, now: float) -> float:
    """Return the seconds of a Retry-After header, which has seconds or a date; 0 where it has neither."""
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return max(0.0, seconds) if seconds == seconds else 0.0
