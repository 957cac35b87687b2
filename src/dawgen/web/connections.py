"""What a connection may cost that asks nothing: limits on time and number that uvicorn does not have.

uvicorn closes a connection that rests after an answer. It waits for ever for a first request, for the rest of a header
(as "slow loris" sends it, a byte at a time), and for a client that does not read; and any number may be open.
"""

from __future__ import annotations

import json
from asyncio import TimerHandle, Transport
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

HEADER_BYTES = 16 * 1024  # of a request's line and header; longer ones are refused


@dataclass(frozen=True, slots=True)
class Limits:
    """connections: open at a time; one more takes the place of the one that has rested longest, or is refused.

    headers: seconds from the first byte of a request, or from the connection's beginning, to the end of its header.
    idle: seconds that a connection rests between requests, and that a client may leave an answer unread.
    """

    connections: int = 1000
    headers: float = 10.0
    idle: float = 60.0


def make_protocol(limits: Limits) -> Any:
    """Return a class of connections for one `uvicorn.Config(http=...)`, whose connections share the limits."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    resting: dict[Connection, None] = {}  # connections on which no request is answered, longest rest first

    class Connection(H11Protocol):
        """A connection that is closed where it keeps the server waiting."""

        heard = False  # whether a part of the next request has come
        waiting: TimerHandle | None = None
        unread: TimerHandle | None = None

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.timeout_keep_alive = limits.idle  # type: ignore[assignment]
            if len(self.connections) > limits.connections:
                oldest = next(iter(resting), None)
                if oldest is None:
                    self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "All connections are in use. Try again later.")
                    return
                oldest.leave()
            resting[self] = None
            self.wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.heard = True
            if self.is_busy():
                self.stop_waiting()
                resting.pop(self, None)
            else:
                self.wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()  # which may begin the next request, if it has come already
            self.heard = False
            if not self.is_busy() and not self.transport.is_closing():
                resting[self] = None

        def send_400_response(self, msg: str) -> None:
            said = f"Expected HTTP/1.1, with a header of at most {HEADER_BYTES} bytes."
            self.refuse(HTTPStatus.BAD_REQUEST, said)

        def pause_writing(self) -> None:
            super().pause_writing()
            self.unread = self.unread or self.loop.call_later(limits.idle, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self.stop_unread()

        def connection_lost(self, exc: Exception | None) -> None:
            self.stop_waiting()
            self.stop_unread()
            resting.pop(self, None)
            super().connection_lost(exc)

        def is_busy(self) -> bool:
            """Return whether a request is being answered."""
            return self.cycle is not None and not self.cycle.response_complete

        def wait(self) -> None:
            """Give the header of the next request its time, which more bytes do not prolong."""
            self.waiting = self.waiting or self.loop.call_later(limits.headers, self.give_up)

        def stop_waiting(self) -> None:
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

        def stop_unread(self) -> None:
            if self.unread is not None:
                self.unread.cancel()
                self.unread = None

        def give_up(self) -> None:
            """Close the connection: no whole header has come in time."""
            self.waiting = None
            if self.heard:
                said = f"The request's header did not arrive within {limits.headers:g} s."
                self.refuse(HTTPStatus.REQUEST_TIMEOUT, said)
            else:
                self.leave()

        def refuse(self, status: HTTPStatus, said: str) -> None:
            """Answer what is no request, and close the connection."""
            if not self.transport.is_closing():
                self.transport.write(_write_refusal(status, said))
            self.leave()

        def leave(self) -> None:
            """Close the connection."""
            self.stop_waiting()
            resting.pop(self, None)
            self.transport.close()

    return Connection


def _write_refusal(status: HTTPStatus, said: str) -> bytes:
    body = json.dumps({"detail": said}).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
