"""What a request holds while its rows wait and run, and the errors of a queue that takes no more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import torch
from torch import Tensor

from dawgen.deploy.serve.loaded_prompt import Served
from dawgen.errors import DawgenError


class QueueFullError(DawgenError):
    """There is no room for so many rows now; `retry_after` estimates in seconds when there will be."""

    def __init__(self, rows: int, waiting: int, most: int, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"expected room for {rows} rows, {waiting} are waiting and at most {most} may. Try again in "
            f"{retry_after:.1f} s."
        )


class StoppedError(DawgenError):
    """The service is stopping, or its worker has died: it takes no new rows, or could not answer these in time."""


class Ticket:
    """Rows of one request under one prompt.

    future: log-probabilities [N,K] in float32 on the CPU, in the order of the rows; or the error of a batch that held
    some of them. Cancelling it, by `cancel` or as `asyncio.wrap_future` does when its task is cancelled, takes the rows
    that wait out of the queue at once; those in the running batch are finished and thrown away.
    """

    def __init__(self, served: Served, count: int, leave: Callable[[Ticket], None] | None = None) -> None:
        """Expect `count` answers. leave: called once when the request gives up, by the thread that does."""
        self.served, self.count = served, count
        self.future: Future[Tensor] = Future()
        self._scores: dict[int, Tensor] = {}
        self._leave, self._ended, self._ending = leave, False, threading.Lock()
        self.future.add_done_callback(self._notice)

    def cancel(self) -> bool:
        """Give up; return False when the answer or an error was there first."""
        return self.future.cancel()

    def put(self, scores: Mapping[int, Tensor]) -> None:
        """Take log-probabilities [K] by the row's number; the last ones finish the future. For the worker alone."""
        self._scores.update(scores)
        if len(self._scores) == self.count and self._end():
            self.future.set_result(torch.stack([self._scores[place] for place in range(self.count)]))

    def fail(self, error: BaseException) -> None:
        """End with an error, unless it has ended. For the worker alone."""
        if self._end():
            self.future.set_exception(error)

    def _notice(self, future: Future[Tensor]) -> None:
        if future.cancelled():
            self._end()
            if self._leave is not None:
                self._leave(self)

    def _end(self) -> bool:
        """Return whether the caller is to end the future: it is the first to ask, and nobody has cancelled it."""
        with self._ending:
            if self._ended:
                return False
            self._ended = True
            return self.future.set_running_or_notify_cancel()  # those who `wait` for a cancelled one go on from here
