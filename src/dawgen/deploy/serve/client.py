"""Asks a service of `dawgen serve`, with nothing but the standard library.

    client = Client("http://127.0.0.1:8400")
    for answer in client.classify("reviews", ["A film to remember.", "Two hours of my life."]):
        print(answer.label, answer.probabilities)

After a 429 or 503 (busy or starting) the request is repeated when the service says so, within the timeout. Threads may
share a client.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from dawgen.deploy.serve.trace import ID, LONGEST, TRACE, is_id, is_trace
from dawgen.errors import ConfigError, DataError, DawgenError, first_line
from dawgen.records import Example
from dawgen.web import is_loopback

Found = TypeVar("Found")
Item = str | tuple[str, str] | Example
LATER = (429, 503)
PAUSE = 1.0  # seconds, where the service does not say how long
MOST_INPUTS = 256  # of one request; what a service takes unless it was told otherwise
MOST_ROWS = 1024  # inputs times prompts, likewise


class ServiceError(DawgenError):
    """The service refused, or did not answer. status: of HTTP; None where no answer came. request_id: under which the
    service's log has it; None where it has none."""

    def __init__(self, message: str, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status, self.request_id = status, request_id


@dataclass(frozen=True)
class Answer:
    """The likeliest label, the probability of each, and whether a text was too long and lost its end. abstained: the
    label is the request's word instead, since the likeliest one had too little probability."""

    label: str
    probabilities: Mapping[str, float]
    cut: bool = False
    abstained: bool = False


@dataclass(frozen=True)
class Prompt:
    """A prompt that the service holds. length: vectors. bytes: what it adds to the memory of the model. temperature: by
    which its scores are divided before they are probabilities."""

    name: str
    task: str
    labels: tuple[str, ...]
    pair: bool
    length: int
    bytes: int
    digest: str
    temperature: float = 1.0


class Client:
    """A service of `dawgen serve` by its address.

    Args:
        url: where it listens.
        token: where it asks for one.
        timeout: seconds for a request with its repetitions.

    Raises:
        ConfigError: an address or a token that is none. The methods raise `ServiceError` where the service refuses or
            does not answer, and DataError for an item that is neither a text nor a pair.

    >>> import dawgen
    >>> client = dawgen.Client("http://127.0.0.1:8400")
    >>> [answer] = client.classify("bundle", [("a girl is singing", "a girl is making music")])
    >>> sorted(answer.probabilities)
    ['contradiction', 'entailment']
    """

    def __init__(self, url: str = "http://127.0.0.1:8400", token: str | None = None, timeout: float = 30.0) -> None:
        self.url, self.timeout = url.rstrip("/"), timeout
        self._headers = {} if token is None else {"Authorization": f"Bearer {_check_token(token)}"}
        # A proxy of the system is another machine, whose own loopback address is not ours.
        self._opener = build_opener(_Stay, *([ProxyHandler({})] if is_loopback(_read_host(url)) else []))

    def within(self, *, request_id: str | None = None, traceparent: str | None = None) -> Client:
        """Return a client whose requests carry these, so that the service logs and returns them.

        request_id: sent as X-Request-Id. traceparent: of W3C Trace Context.

        Raises ConfigError for what the service would not keep.
        """
        if request_id is not None and not is_id(request_id):
            raise ConfigError(
                f"request_id: expected 1 to {LONGEST} letters, digits and . _ : / + = ; @ -, first a letter or digit, "
                f"found {request_id!r:.60}."
            )
        if traceparent is not None and not is_trace(traceparent):
            raise ConfigError(
                "traceparent: expected such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01, "
                f"found {traceparent!r:.60}."
            )
        inside = copy(self)
        given = {ID: request_id, TRACE: traceparent}
        inside._headers = self._headers | {name: value for name, value in given.items() if value is not None}
        return inside

    def classify(
        self, prompt: str, items: Sequence[Item], *, below: float | None = None, instead: str | None = None
    ) -> list[Answer]:
        """Return the answer to each text or pair of texts, in order; longer lists are sent in parts.

        below, instead: where the likeliest label has less probability than `below` the answer is `instead`, such as
        0.7 and "unsure"; both or neither.

        Raises:
            DataError: an item is neither a text nor a pair. ServiceError: the service refused, or did not answer.
        """
        if isinstance(items, str):
            raise DataError("items: expected a list of texts, found one text. Put it into a list.")
        inputs = [_write_item(item) for item in items]
        answers: list[Answer] = []
        for start in range(0, len(inputs), MOST_INPUTS):
            body = {"prompt": prompt, "inputs": inputs[start : start + MOST_INPUTS]} | _write_below(below, instead)
            answers += self._ask("POST", "/v1/classify", _read_answers, body)
        return answers

    def classify_all(
        self, prompts: Sequence[str], items: Sequence[Item], *, below: float | None = None, instead: str | None = None
    ) -> dict[str, list[Answer]]:
        """Return the answers under each of several prompts: every text once to all of them, in one request where the
        service takes as many rows. Prompts behind the text read it once together.

        below, instead, and what is raised: as in `classify`.
        """
        if isinstance(items, str):
            raise DataError("items: expected a list of texts, found one text. Put it into a list.")
        inputs, found = [_write_item(item) for item in items], {name: list[Answer]() for name in prompts}
        step = max(1, MOST_ROWS // max(1, len(found)))
        for start in range(0, len(inputs), min(step, MOST_INPUTS)):
            part = inputs[start : start + min(step, MOST_INPUTS)]
            body = {"prompts": list(found), "inputs": part} | _write_below(below, instead)
            for name, answers in self._ask("POST", "/v1/classify", _read_all, body).items():
                found[name] += answers
        return found

    def prompts(self) -> list[Prompt]:
        """Return what the service holds."""
        return self._ask("GET", "/v1/prompts", _read_prompts)

    def add(self, folder: str, name: str | None = None, digest: str | None = None) -> Prompt:
        """Have the service load a bundle of its allowed folder. digest: any other bundle is refused."""
        return self._ask("POST", "/v1/prompts", _read_prompt, {"folder": folder, "name": name, "digest": digest})

    def remove(self, name: str) -> None:
        """Have the service remove a prompt; requests that it has accepted are still answered."""
        self._ask("DELETE", f"/v1/prompts/{quote(name, safe='')}", bool)

    def _ask(self, method: str, path: str, read: Callable[[Any], Found], body: Any = None) -> Found:
        """Return what `read` makes of the answer's JSON; a request that may succeed later is repeated."""
        ends = time.monotonic() + self.timeout
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if body is None else {"Content-Type": "application/json"})
        while True:
            request = Request(self.url + path, data, headers, method=method)
            left = max(ends - time.monotonic(), 0.001)
            try:
                with self._opener.open(request, timeout=left) as response:
                    said = response.read()
                break
            except HTTPError as error:
                pause = _read_pause(error.headers.get("Retry-After"))
                if error.code not in LATER or time.monotonic() + pause >= ends:
                    raise ServiceError(
                        f"{self.url}: {_read_detail(error)}", error.code, error.headers.get(ID)
                    ) from error
                time.sleep(pause)
            except (OSError, http.client.HTTPException) as error:  # a URLError is an OSError with a reason
                reason = getattr(error, "reason", None) or first_line(error)
                raise ServiceError(f"{self.url}: expected a service that answers, found: {reason}.") from error
        try:
            return read(json.loads(said or b"null"))
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(f"{self.url}: expected a service of dawgen, got another answer.") from error


class _Stay(HTTPRedirectHandler):
    """Follows no redirection, which would send the token and the texts to another address."""

    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        """Leave the redirection to `_ask`, which refuses it."""


def _read_host(url: str) -> str:
    """Return the host of a service's address, which must have one."""
    try:
        parts = urlsplit(url)
    except ValueError:  # "http://["
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{url!r}: expected the address of a service, such as http://127.0.0.1:8400.")
    return parts.hostname


def _check_token(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise ConfigError("token: expected printable ASCII characters, without spaces and line breaks.")
    return token


def _write_item(item: Item) -> str | dict[str, str | None]:
    if isinstance(item, str):
        return item
    if isinstance(item, Example):
        return {"text1": item.text1, "text2": item.text2}
    if isinstance(item, Sequence) and len(item) == 2 and all(isinstance(text, str) for text in item):
        return {"text1": item[0], "text2": item[1]}
    raise DataError(f"items: expected texts, pairs of texts or Examples, found {type(item).__name__}.")


def _write_below(below: float | None, instead: str | None) -> dict[str, float | str]:
    """Return the fields of what is unsure; a service from before there were any gets none."""
    return {name: value for name, value in (("below", below), ("else", instead)) if value is not None}


def _read_answers(found: Mapping[str, Any]) -> list[Answer]:
    return [
        Answer(row["label"], row["probabilities"], row["cut"], row.get("abstained", False)) for row in found["results"]
    ]


def _read_all(found: Mapping[str, Any]) -> dict[str, list[Answer]]:
    return {answer["prompt"]: _read_answers(answer) for answer in found["answers"]}


def _read_prompts(found: Mapping[str, Any]) -> list[Prompt]:
    return [_read_prompt(row) for row in found["prompts"]]


def _read_prompt(row: Mapping[str, Any]) -> Prompt:
    facts = row["name"], row["task"], tuple(row["labels"]), row["pair"], row["length"], row["bytes"], row["digest"]
    return Prompt(*facts, row.get("temperature", 1.0))


def _read_pause(said: str | None) -> float:
    return float(said) if said is not None and said.isdecimal() else PAUSE


def _read_detail(error: HTTPError) -> str:
    """Return the refusal in the service's words, else its status."""
    try:
        said = json.loads(error.read())["detail"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        said = None
    return said if isinstance(said, str) else f"the answer is {error.code} {error.reason}."
