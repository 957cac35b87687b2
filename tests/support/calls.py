"""Requests to an app as a server passes them on, one message at a time: slow bodies, and clients that hang up."""

import asyncio
import json
from collections.abc import Callable
from typing import Any


class Call:
    """One request under way. body: bytes to send at once; None for parts that `give` sends.

    Use inside a running event loop. `status` is 0 and `json` fails until there is an answer.
    """

    def __init__(
        self,
        app: Any,
        method: str,
        path: str,
        body: Any = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        sent = {"host": "localhost", "content-type": "application/json"} | (headers or {})
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.asked, self.status, self.headers, self.body = 0, 0, dict[str, str](), b""
        if body is not None:
            self.give(body if isinstance(body, bytes) else json.dumps(body).encode())
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    def give(self, part: bytes, more: bool = False) -> None:
        """Send a part of the body."""
        self.messages.put_nowait({"type": "http.request", "body": part, "more_body": more})

    def hang_up(self) -> None:
        """Close the connection."""
        self.messages.put_nowait({"type": "http.disconnect"})

    def json(self) -> Any:
        """Return the answer's body."""
        return json.loads(self.body)

    async def end(self) -> "Call":
        """Wait for the app to be done with it."""
        await asyncio.wait_for(self.task, 20)
        return self

    async def _receive(self) -> dict[str, Any]:
        self.asked += 1
        return await self.messages.get()

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


async def wait_for(holds: Callable[[], bool]) -> None:
    """Let others run until something holds."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to that")
