"""Who is let in: so many requests at a time, and none once the service is to stop."""

from __future__ import annotations

import asyncio
import time

RETRY_AFTER = 1  # seconds: what a client is told that comes too early, too late or to a full house


class ClosedError(Exception):
    """The service is stopping."""


class CrowdedError(Exception):
    """As many requests are under way as may be."""


class Gate:
    """Counts the requests that were let in and have not been answered yet. Used on one event loop only.

    most: requests at a time.
    """

    def __init__(self, most: int) -> None:
        self.most, self.inside, self.closed = most, 0, False

    def enter(self) -> None:
        """Let a request in.

        Raises:
            ClosedError: after `close`. CrowdedError: there is no room.
        """
        if self.closed:
            raise ClosedError
        if self.inside >= self.most:
            raise CrowdedError
        self.inside += 1

    def leave(self) -> None:
        """Note that a request that was let in has been answered."""
        self.inside -= 1

    def close(self) -> None:
        """Let nobody in any more; safe in a signal handler."""
        self.closed = True

    async def empty(self, timeout: float) -> bool:
        """Wait until all that were let in are answered; False when that takes longer than timeout (seconds)."""
        end = time.monotonic() + timeout
        while self.inside and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return not self.inside
