"""The service's limits and who may ask, with their defaults."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from dawgen.section import NUMBER, Positive, Settings

Seconds = Annotated[float, Field(gt=0), NUMBER]


class ServeSettings(Settings):
    """The settings of `make_app`.

    token: requests must carry it; None asks for none. hosts: names, beside loopback ones, that the Host header may
    have; None for any, which is safe behind a token only: a page elsewhere can point its own name at this machine.
    max_body: bytes of a request. max_inputs: texts or pairs of a request. max_characters: of one text. timeout: seconds
    from the first byte of a request to its answer. max_requests: requests under way at a time, each of which may hold
    max_body bytes. max_prompts: prompts that are loaded at a time.
    """

    token: SecretStr | None = None
    hosts: tuple[str, ...] | None = ()
    max_body: Positive = 1 << 20
    max_inputs: Positive = 256
    max_characters: Positive = 20_000
    timeout: Seconds = 30.0
    max_requests: Positive = 1024
    max_prompts: Positive = 1000
