"""The limits of a request in bytes, inputs and characters, and the sentences that refuse anything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dawgen.deploy.serve.deadline import GoneError, LateError
from dawgen.deploy.serve.schemas import Texts
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.errors import DataError
from dawgen.records import Example

if TYPE_CHECKING:
    from starlette.types import Message, Receive

PATTERNS = {  # what the fields of `dawgen.deploy.serve.schemas` that have a pattern take
    "name": "1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
    "digest": "64 of the characters 0 to 9 and a to f",
}


class TooLargeError(Exception):
    """The body has more bytes than allowed."""


async def read_body(receive: Receive, length: str | None, most: int, deadline: float) -> bytes:
    """Return a request's body; its bytes are counted while they come in.

    length: the Content-Length header. deadline: by `time.monotonic`.

    Raises:
        TooLargeError: more than `most` bytes, announced or sent. GoneError: the client has hung up. LateError: the
        deadline has passed.
    """
    if length is not None and length.isdecimal() and len(length) < 20 and int(length) > most:
        raise TooLargeError
    body = bytearray()
    try:
        async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                body += message.get("body", b"")
                if len(body) > most:
                    raise TooLargeError
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError as error:
        raise LateError from error


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands out a body that was read already, then what comes after it: the disconnect."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def take() -> Message:
        return waiting.pop() if waiting else await receive()

    return take


def read_examples(inputs: Sequence[str | Texts], pair: bool, settings: ServeSettings) -> list[Example]:
    """Return the inputs as examples.

    Raises:
        DataError: too many of them, one that is too long, or a pair where the task has one text or the reverse.
    """
    if len(inputs) > settings.max_inputs:
        raise DataError(f"inputs: expected at most {settings.max_inputs}, found {len(inputs)}. Send them in parts.")
    examples = []
    for place, given in enumerate(inputs):
        example = Example(given) if isinstance(given, str) else Example(given.text1, given.text2)
        if not (is_unicode(example.text1) and is_unicode(example.text2 or "")):
            raise DataError(f"inputs[{place}]: expected Unicode text, found half of a surrogate pair.")
        longest = max(len(example.text1), len(example.text2 or ""))
        if longest > settings.max_characters:
            raise DataError(
                f"inputs[{place}]: expected texts of at most {settings.max_characters} characters, found {longest}."
            )
        if (example.text2 is not None) != pair:
            wanted = 'a pair, {"text1": ..., "text2": ...}' if pair else "one text"
            raise DataError(f"inputs[{place}]: expected {wanted}, found {'one text' if pair else 'a pair'}.")
        examples.append(example)
    return examples


def is_unicode(text: str) -> bool:
    """Return whether a text can be written in UTF-8; JSON can also hold halves of surrogate pairs, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def describe_faults(errors: Sequence[Any]) -> str:
    """Return one sentence about the first fault that pydantic found in a request."""
    first = errors[0]
    where, kind, said = list(first["loc"][1:]), first["type"], str(first["msg"])
    if kind == "json_invalid":
        return f"Expected JSON, found none at character {where[0]} ({first['ctx']['error']})."
    if not where:
        return "Expected a JSON object, sent with the header 'Content-Type: application/json'."
    if where == ["inputs"] and kind == "too_short":
        return "inputs: expected at least one text or pair, found none."
    if where[0] == "inputs" and len(where) > 1:
        return f'inputs[{where[1]}]: expected a text, or a pair as {{"text1": ..., "text2": ...}}.'
    if where == ["inputs"] and kind == "list_type":
        return 'inputs: expected a list of texts or pairs, such as ["a text"].'
    name = ascii(str(where[-1])[:40])[1:-1]
    if len(where) > 1 and isinstance(where[-1], int):  # a place in a list: its number alone names nothing
        name = f"{ascii(str(where[-2])[:40])[1:-1]}[{where[-1]}]"
    if kind == "string_pattern_mismatch":
        return f"{name}: expected {PATTERNS.get(name, said)}."
    if kind == "extra_forbidden":
        return f"Unknown field {name}."
    return f"The field {name} is missing." if kind == "missing" else f"{name}: {said}."
