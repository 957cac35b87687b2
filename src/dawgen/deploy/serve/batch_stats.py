"""Statistics of a batcher: counts of all its batches, and the numbers of one batch."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class TotalStats:
    """Counts since the start, and the rows that wait or run now.

    queued: rows that wait. running: rows of the batch under way. batches, rows: computed. cancelled: rows that left the
    queue because their request gave up. failed: requests that got an error. padded_tokens: positions computed, padding
    included; real_tokens: without it. busy_seconds: time in the model.
    """

    queued: int = 0
    running: int = 0
    batches: int = 0
    rows: int = 0
    cancelled: int = 0
    failed: int = 0
    padded_tokens: int = 0
    real_tokens: int = 0
    busy_seconds: float = 0.0

    def add(self, batch: BatchStats) -> TotalStats:
        """Return the counts with one more batch."""
        return replace(
            self,
            batches=self.batches + 1,
            rows=self.rows + batch.rows,
            padded_tokens=self.padded_tokens + batch.padded_tokens,
            real_tokens=self.real_tokens + batch.real_tokens,
            busy_seconds=self.busy_seconds + batch.seconds,
        )


@dataclass(frozen=True, slots=True)
class BatchStats:
    """One finished batch.

    rows, prompts, requests: how many of each. padded_tokens, real_tokens: positions with and without padding. seconds:
    time in the model. waited: seconds that its oldest row had waited. read, found: texts in front of prompts that were
    read, and those of which keys and values were there.
    """

    rows: int
    prompts: int
    requests: int
    padded_tokens: int
    real_tokens: int
    seconds: float
    waited: float
    read: int = 0
    found: int = 0
