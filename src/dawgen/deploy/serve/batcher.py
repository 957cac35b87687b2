"""Continuous micro-batching: one worker owns the frozen model, and rows of all requests gather while it computes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from dawgen.classifier.batches import GPU_BUDGET
from dawgen.deploy.serve.batch_stats import BatchStats as BatchStats
from dawgen.deploy.serve.batch_stats import TotalStats as TotalStats
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.logs import LOGGER
from dawgen.deploy.serve.mixed import score_mixed
from dawgen.deploy.serve.pending import PendingRequest, QueueFullError, StoppedError
from dawgen.deploy.serve.queue import QueuedRow, RowQueue
from dawgen.errors import DataError, ModelError
from dawgen.models.load import Backbone
from dawgen.models.texts import ReadTexts

MAX_WAIT = 0.004  # seconds
TEXT_BYTES = 2**28  # of keys and values of texts in front of prompts, those that were used last
CPU_ROWS = 1024  # what a small model answers in half a minute; more rows would only wait until they time out
GPU_ROWS = 4096
FIRST_GUESS = 1.0  # seconds to try again after, before any batch was measured
CPU_BUDGET = 512  # as many rows per second as with 1024, and the next batch waits half as long
CPU_OVERHEAD = 64  # positions; a T5 of Flan-T5 small's size has 35 with one thread, 85 with two
GPU_OVERHEAD = 2048

_log = LOGGER.getChild("batcher")

Observe = Callable[[BatchStats], None]


class Batcher:
    """Answers rows of any prompts, several requests in one batch.

    token_budget: padded positions of a batch; None chooses by device. max_wait: seconds that an idle worker waits at
    most for as many requests as the last batch held. most_rows: rows that may wait, more are refused; None chooses by
    device. observe: called by the worker after each batch. threads: of the model's operations on a CPU; None leaves the
    setting. clock: seconds. start: False for a batcher without a thread, whose batches `step` computes.

        >>> with Batcher(backbone) as batcher:
        ...     batcher.submit(prompt, prompt.scorer.render(examples).ids).future.result()
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        token_budget: int | None = None,
        max_wait: float = MAX_WAIT,
        most_rows: int | None = None,
        observe: Observe | None = None,
        threads: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        start: bool = True,
    ) -> None:
        device = backbone.model.device.type
        self.backbone, self.max_wait, self.observe = backbone, max_wait, observe
        self.most_rows = most_rows or (CPU_ROWS if device == "cpu" else GPU_ROWS)
        self.token_budget = token_budget or (CPU_BUDGET if device == "cpu" else GPU_BUDGET)
        self._overhead = CPU_OVERHEAD if device == "cpu" else GPU_OVERHEAD
        self.texts = ReadTexts("served", memory=TEXT_BYTES)  # only the worker takes from it
        self._words = backbone.model.get_input_embeddings().weight.shape[0]
        self._threads, self._clock = threads, clock
        self._changed = threading.Condition()  # guards all below
        self._queue, self._running = RowQueue(), list[QueuedRow]()
        self._stats, self._rate = TotalStats(), 0.0  # recent rows per second
        self._company = math.inf  # requests in the last batch
        self._draining = self._closed = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True) if start else None
        if self._thread:
            self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether batches are computed: the batcher is not closed, and its worker runs."""
        return not self._closed and (self._thread is None or self._thread.is_alive())

    def submit(self, prompt: LoadedPrompt, rows: Sequence[Sequence[int]]) -> PendingRequest:
        """Queue rows of token ids under a prompt. Any thread may call this; it does not block.

        Raises:
            QueueFullError: not enough room in the queue.
            StoppedError: `drain` or `close` was called, or the worker died.
            DataError: no rows, an empty or too long one, an id out of the vocabulary, or more rows than may ever wait.
        """
        return self.submit_all([(prompt, rows)])[0]

    def submit_all(self, asked: Sequence[tuple[LoadedPrompt, Sequence[Sequence[int]]]]) -> list[PendingRequest]:
        """Queue the rows of several prompts together, all or none; returns and raises as `submit`."""
        for prompt, rows in asked:
            self._check(prompt, rows)
        count = sum(len(rows) for _, rows in asked)
        if count > self.most_rows:
            raise DataError(f"expected at most {self.most_rows} rows under all prompts together, got {count}.")
        with self._changed:
            if self._draining or not self.alive:
                raise StoppedError("the service is stopping and takes no new rows.")
            waiting = len(self._queue)
            if waiting + count > self.most_rows:
                wait = self._estimate(waiting + count - self.most_rows)
                raise QueueFullError(count, waiting, self.most_rows, wait)
            requests = [PendingRequest(prompt, len(rows), self._leave) for prompt, rows in asked]
            for request, (_, rows) in zip(requests, asked, strict=True):
                self._queue.add(request, rows, self._clock(), len(asked))
            self._changed.notify_all()
        return requests

    def step(self) -> int:
        """Compute one batch now, in this thread, and return how many rows it had; 0 when none wait."""
        with self._changed:
            rows = self._begin()
        if rows:
            self._compute(rows)
        return len(rows)

    def stats(self) -> TotalStats:
        """Return the counts since the start, and the rows that wait or run now."""
        with self._changed:
            return replace(self._stats, queued=len(self._queue), running=len(self._running))

    def drain(self, timeout: float) -> bool:
        """Take no new rows and wait until all accepted ones are answered; False when that takes more seconds."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()
        while self._thread is None and self.step():
            pass
        with self._changed:
            return self._changed.wait_for(self._is_idle, timeout) and not self._closed

    def close(self, timeout: float = 10.0) -> None:
        """Stop the worker after its batch, for which it has `timeout` seconds; what still waits gets a StoppedError."""
        with self._changed:
            self._draining = self._closed = True
            self._changed.notify_all()
        if self._thread is None:
            self._abandon()
        else:
            self._thread.join(timeout)

    def __enter__(self) -> Self:
        """Return the batcher; leaving closes it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _check(self, prompt: LoadedPrompt, rows: Sequence[Sequence[int]]) -> None:
        if not 0 < len(rows) <= self.most_rows:
            raise DataError(f"expected 1 to {self.most_rows} rows, got {len(rows)}.")
        for place, row in enumerate(rows):
            if not 0 < len(row) <= prompt.scorer.max_tokens:
                raise DataError(f"row {place}: expected 1 to {prompt.scorer.max_tokens} tokens, got {len(row)}.")
            if not 0 <= min(row) <= max(row) < self._words:
                raise DataError(f"row {place}: expected token ids below {self._words}, got {min(row)} to {max(row)}.")

    def _work(self) -> None:
        if self._threads:
            torch.set_num_threads(self._threads)
        try:
            while self._work_once():
                pass
        finally:
            self._abandon()

    def _work_once(self) -> bool:
        """Compute the next batch; return False when closed."""
        # A function of its own: on return the last references to the rows and their prompts are dropped, so a prompt
        # that was removed meanwhile does not stay in memory until the next request comes.
        rows = self._await_rows()
        if rows:
            self._compute(rows)
        return bool(rows)

    def _await_rows(self) -> list[QueuedRow]:
        """Return the next batch once it is full, holds as many requests as the last one, or has waited `max_wait`.

        Empty when closed.
        """
        # The clients of the last batch are likely to ask again at once: waiting for as many requests fills the batch
        # without a fixed delay. A client that asks alone had a last batch of one request and does not wait.
        with self._changed:
            while not self._closed:
                if not self._queue:
                    self._changed.wait()
                    continue
                left = self._queue.oldest.since + self.max_wait - self._clock()
                full = self._queue.tokens >= self.token_budget or self._queue.request_count >= self._company
                if left <= 0 or full or self._draining:
                    return self._begin()
                self._changed.wait(left)
            return []

    def _begin(self) -> list[QueuedRow]:
        self._running = self._queue.take(self.token_budget, self._overhead)
        if self._running:
            self._company = len({row.request for row in self._running})
        return self._running

    def _compute(self, rows: Sequence[QueuedRow]) -> None:
        """Answer rows. When a batch of several requests fails, each is tried alone: only the faulty ones then fail."""
        error = self._answer(rows)
        if error is not None:
            own: dict[PendingRequest, list[QueuedRow]] = {}
            for row in rows:
                own.setdefault(row.request, []).append(row)
            for request, part in own.items():
                reason = self._answer(part) if len(own) > 1 else error
                if reason is not None:
                    self._fail(request, reason)
        with self._changed:
            self._running = []
            self._changed.notify_all()

    def _answer(self, rows: Sequence[QueuedRow]) -> Exception | None:
        """Compute rows and hand out their scores; return the error, if there was one."""
        begin, before = self._clock(), dict(self.texts.counts)
        try:
            prompts = [row.request.prompt for row in rows]
            found = score_mixed(self.backbone, [row.ids for row in rows], prompts, self.texts)
            if not bool(torch.cat(found).isfinite().all()):
                return ModelError("the model gave scores that are not finite.")
        except Exception as error:  # whatever a model may raise: the worker has to live on
            _log.exception("a batch of %d rows failed", len(rows))
            touch(self.backbone.model.device)  # raises, and so ends the worker, if the device itself is lost
            return error
        self._record(rows, begin, {name: self.texts.counts[name] - before[name] for name in ("read", "memory")})
        answers: dict[PendingRequest, dict[int, Tensor]] = {}
        for row, scores in zip(rows, found, strict=True):
            answers.setdefault(row.request, {})[row.place] = scores
        for request, own in answers.items():
            request.put(own)
        return None

    def _record(self, rows: Sequence[QueuedRow], begin: float, texts: Mapping[str, int]) -> None:
        stats = BatchStats(
            rows=len(rows),
            prompts=len({row.request.prompt for row in rows}),
            requests=len({row.request for row in rows}),
            padded_tokens=len(rows) * max(row.width for row in rows),
            real_tokens=sum(row.width for row in rows),
            seconds=self._clock() - begin,
            waited=begin - min(row.since for row in rows),
            read=texts["read"],
            found=texts["memory"],
        )
        with self._changed:
            self._stats, rate = self._stats.add(stats), stats.rows / max(stats.seconds, 1e-6)
            self._rate = rate if not self._rate else 0.8 * self._rate + 0.2 * rate
        if self.observe is not None:
            try:
                self.observe(stats)
            except Exception:  # a faulty observer must not end the worker
                _log.exception("what observes the batches failed")

    def _fail(self, request: PendingRequest, error: Exception) -> None:
        with self._changed:
            self._queue.drop(request)
            self._stats = replace(self._stats, failed=self._stats.failed + 1)
        request.fail(error)

    def _leave(self, request: PendingRequest) -> None:
        """Take a cancelled request out of the queue."""
        with self._changed:
            dropped = self._queue.drop(request)
            self._stats = replace(self._stats, cancelled=self._stats.cancelled + dropped)
            self._changed.notify_all()

    def _abandon(self) -> None:
        """Fail all remaining requests: the worker has ended."""
        with self._changed:
            self._draining = self._closed = True
            left = {*self._queue.requests, *(row.request for row in self._running)}
            self._queue, self._running = RowQueue(), []
            self._changed.notify_all()
        for request in left:
            request.fail(StoppedError("the service stopped before it had answered."))

    def _is_idle(self) -> bool:
        return self._closed or not (self._queue or self._running)

    def _estimate(self, rows: int) -> float:
        """Return in how many seconds the worker will have taken so many rows."""
        return rows / self._rate if self._rate else FIRST_GUESS


def touch(device: torch.device) -> None:
    """Compute something on the device; a lost one raises, as a GPU does after a failed kernel."""
    torch.ones(1, device=device).sum().item()
