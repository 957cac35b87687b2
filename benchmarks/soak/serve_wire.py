"""A bare HTTP/1.1 client on asyncio: connections that are kept open, cut at any time, and cost next to nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"


class NoAnswerError(Exception):
    """The connection was refused or ended before a whole answer. began: whether a part of one had come."""

    def __init__(self, reason: str, *, began: bool) -> None:
        super().__init__(reason)
        self.began = began


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers by their lower-case names, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Line:
    """One connection to the service, opened anew where the last answer or a cut has ended it."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port, self.token = port, token
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, value: Any = None) -> Reply:
        """Send a request and return its answer. Raises NoAnswerError."""
        await self.send(method, path, value)
        return await self.read()

    async def send(self, method: str, path: str, value: Any = None, *, share: float = 1.0) -> None:
        """Write a request, or only the first share of its bytes. Raises NoAnswerError."""
        body = b"" if value is None else json.dumps(value).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{self.port}", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/json"] if body else []
        lines += [f"Authorization: Bearer {self.token}"] if self.token else []
        data = "\r\n".join([*lines, "", ""]).encode() + body
        try:
            if self._ends is None:
                self._ends = await asyncio.open_connection(HOST, self.port)
            self._ends[1].write(data[: max(1, round(share * len(data)))])
            await self._ends[1].drain()
        except OSError as error:
            self.cut()
            raise NoAnswerError(str(error), began=False) from error

    async def read(self) -> Reply:
        """Return the answer to what was sent. Raises NoAnswerError."""
        if self._ends is None:
            raise NoAnswerError("nothing was sent", began=False)
        reader, head = self._ends[0], b""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *rest = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in rest)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.cut()
            began = bool(head) or bool(getattr(error, "partial", b""))
            raise NoAnswerError(str(error) or type(error).__name__, began=began) from error
        if headers.get("connection", "").lower() == "close":
            self.cut()
        return Reply(int(first.split()[1]), headers, body)

    def cut(self) -> None:
        """End the connection at once, whatever is under way."""
        if self._ends is not None:
            self._ends[1].transport.abort()
            self._ends = None
