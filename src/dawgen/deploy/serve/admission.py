"""Admission control: at most so many requests at a time, and none once the service is stopping."""

from __future__ import annotations

import asyncio
import time

RETRY_AFTER = 1  # seconds: what a client is told while the service loads, is full or stops


class ClosedError(Exception):
    """The service is stopping."""


class CrowdedError(Exception):
    """The limit of requests under way is reached."""


class Admission:
    """Counts the requests that were admitted and are not answered yet. Used on one event loop only.

    most: how many requests may be under way at a time.
    """

    def __init__(self, most: int) -> None:
        self.most, self.inside, self.closed = most, 0, False

    def enter(self) -> None:
        """Admit a request.

        Raises:
            ClosedError: after `close`. CrowdedError: the limit is reached.
        """
        if self.closed:
            raise ClosedError
        if self.inside >= self.most:
            raise CrowdedError
        self.inside += 1

    def leave(self) -> None:
        """Count an admitted request as answered."""
        self.inside -= 1

    def close(self) -> None:
        """Admit no more requests; safe in a signal handler."""
        self.closed = True

    async def empty(self, timeout: float) -> bool:
        """Wait until all admitted requests are answered; return False when that takes longer than timeout (seconds)."""
        end = time.monotonic() + timeout
        while self.inside and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return not self.inside
