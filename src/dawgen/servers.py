"""The settings of a generator behind an API: which server, what it is asked, how often and for how much."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from dawgen.errors import SECRET
from dawgen.section import Count, Positive, Rate, Settings, Truth, Weight

# What does not change the rows of a set: a run may go on with other values, so that it can be paid for in parts.
FREE = frozenset(
    {"key_env", "concurrency", "timeout", "tries", "pause", "budget_tokens", "budget_money", "price_in", "price_out"}
)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
_ENDS = ("/chat/completions", "/completions")


def check_url(url: str) -> str:
    """Return a server's address as requests are built on it: without an ending /, with /v1 where it has no path.

    Raises:
        PydanticCustomError: no address of a server, or one that holds a password, a query or a fragment.
    """
    try:
        parts = urlsplit(url.strip())
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        named = False
    if not named:
        raise PydanticCustomError(SECRET, "expected the address of a server, such as http://localhost:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise PydanticCustomError(
            SECRET,
            "expected an address without a password, a query (?) or a fragment (#), as it is written into files; "
            "the key comes from an environment variable (generator.key_env)",
        )
    path = parts.path.rstrip("/")
    for end in _ENDS:
        path = path.removesuffix(end)
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def check_variable(name: str) -> str:
    """Return the name of an environment variable.

    Raises:
        PydanticCustomError: it is none; it may be the key itself, which is not shown.
    """
    if not _VARIABLE.fullmatch(name):
        raise PydanticCustomError(
            SECRET,
            "expected the name of an environment variable in capitals, such as DAWGEN_API_KEY, not the key itself",
        )
    return name


class ServerSettings(Settings):
    """Of `generator.kind: api` only: a model behind an OpenAI-compatible API, which writes from a prompt."""

    url: Annotated[str, AfterValidator(check_url)] | None = None
    """of kind api: the address of an OpenAI-compatible server, such as http://localhost:8000/v1"""
    endpoint: Literal["chat", "completions"] = "chat"
    """of kind api: chat for models that follow instructions, completions for base models"""
    prompt_shots: Count = 4
    """of kind api: rows of the label that a request shows, drawn anew for every one"""
    instruction: Annotated[str, Field(max_length=2000)] | None = None
    """of kind api: a sentence of your own at the end of every request, such as what texts must not mention"""
    logprobs: Literal["auto"] | Truth = "auto"
    """of kind api: whether the server scores texts under other labels (echo), for the posterior filter"""
    key_env: Annotated[str, AfterValidator(check_variable)] | None = None
    """of kind api: the environment variable with the server's key (default: DAWGEN_API_KEY, if it is there)"""
    concurrency: Annotated[Positive, Field(le=256)] = 8
    """of kind api: requests at a time"""
    timeout: Rate = 120.0
    """of kind api: seconds that a request may take in all"""
    tries: Positive = 6
    """of kind api: how often a request is sent that gets no usable answer"""
    pause: Rate = 1.0
    """of kind api: seconds before the second try, then twice as many each time, or what the server asks for"""
    budget_tokens: Positive | None = None
    """of kind api: tokens read and written, all requests of the set together, at which writing stops"""
    budget_money: Rate | None = None
    """of kind api: the same in money, by price_in and price_out"""
    price_in: Weight | None = None
    """of kind api: price of a million tokens that the server reads"""
    price_out: Weight | None = None
    """of kind api: price of a million tokens that it writes"""
