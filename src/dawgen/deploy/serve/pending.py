"""A request whose rows wait or run, and the errors of a queue that takes no more rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import torch
from torch import Tensor

from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.errors import DawgenError


class QueueFullError(DawgenError):
    """The queue has no room for so many rows; `retry_after` estimates in how many seconds it will have."""

    def __init__(self, rows: int, waiting: int, most: int, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"expected room for {rows} rows, {waiting} are waiting and at most {most} may. Try again in "
            f"{retry_after:.1f} s."
        )


class StoppedError(DawgenError):
    """The service is stopping, or its worker has died: it refuses new rows, or could not answer these in time."""


class PendingRequest:
    """The rows of one request under one prompt.

    future: log-probabilities [N,K] in float32 on the CPU, in the order of the rows; or the error of a batch that held
    some of them. It is cancelled by `cancel`, or by `asyncio.wrap_future` when its task is cancelled: waiting rows then
    leave the queue at once; rows in the running batch are computed and thrown away.
    """

    def __init__(self, prompt: LoadedPrompt, count: int, leave: Callable[[PendingRequest], None] | None = None) -> None:
        """Expect `count` answers. leave: called once if the request is cancelled, by the thread that cancels it."""
        self.prompt, self.count = prompt, count
        self.future: Future[Tensor] = Future()
        self._scores: dict[int, Tensor] = {}
        self._leave, self._ended, self._ending = leave, False, threading.Lock()
        self.future.add_done_callback(self._notice)

    def cancel(self) -> bool:
        """Cancel the request; return False when the answer or an error was there first."""
        return self.future.cancel()

    def put(self, scores: Mapping[int, Tensor]) -> None:
        """Store log-probabilities [K] by row number; the last ones finish the future. Only the worker calls this."""
        self._scores.update(scores)
        if len(self._scores) == self.count and self._end():
            self.future.set_result(torch.stack([self._scores[place] for place in range(self.count)]))

    def fail(self, error: BaseException) -> None:
        """End with an error, unless it has ended already. Only the worker calls this."""
        if self._end():
            self.future.set_exception(error)

    def _notice(self, future: Future[Tensor]) -> None:
        if future.cancelled():
            self._end()
            if self._leave is not None:
                self._leave(self)

    def _end(self) -> bool:
        """Return whether the caller may end the future: it is the first to ask, and nobody has cancelled it."""
        # A future allows set_running_or_notify_cancel once only, and the worker may finish while a client cancels.
        with self._ending:
            if self._ended:
                return False
            self._ended = True
            return self.future.set_running_or_notify_cancel()  # wakes whoever `wait`s for a cancelled future
