"""How long a request waits for its answer: until its time is up, or its client has gone."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dawgen.deploy.serve.pending import StoppedError

if TYPE_CHECKING:
    from starlette.types import Receive

T = TypeVar("T")


class GoneError(Exception):
    """The client has hung up; nobody reads an answer."""


class LateError(Exception):
    """The request's time is up; the message says what to do."""


class Deadline:
    """Waits for futures on behalf of one request.

    receive: the request's messages, of which only the disconnect is left. began: by `time.monotonic`. seconds: that it
    may take from then on.
    """

    def __init__(self, receive: Receive, began: float, seconds: float) -> None:
        self._receive, self._seconds, self._ends = receive, seconds, began + seconds

    async def __aenter__(self) -> Self:
        """Begin to watch whether the client is still connected."""
        self._gone = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._gone.cancel()

    async def wait(self, future: asyncio.Future[T]) -> T:
        """Return the future's result; it is cancelled if it does not come in time.

        Raises:
            GoneError: the client has hung up. LateError: the deadline has passed. StoppedError: the future was
            cancelled elsewhere.
        """
        left = self._ends - time.monotonic()
        try:
            both: set[asyncio.Future[Any]] = {future, self._gone}
            await asyncio.wait(both, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
            if self._gone.done():  # even if the answer is there too: nobody would read it
                raise GoneError
            if not future.done():
                raise LateError(
                    f"expected an answer within {self._seconds:g} s, it takes longer. Send fewer or shorter inputs "
                    "at a time, or ask again when the service is less busy."
                )
        finally:  # the server may also cancel the request itself
            future.cancel()
        if future.cancelled():
            raise StoppedError("the service has given up this request.")
        return future.result()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
