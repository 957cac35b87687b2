"""What a batcher says of itself: counts of all its batches, and the facts of one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatcherStats:
    """Counts since the start, and what is there now.

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


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """One finished batch: its rows, of how many prompts and requests, positions with and without padding, seconds in
    the model, and how long the row that had waited longest had waited, in seconds."""

    rows: int
    prompts: int
    tickets: int
    padded_tokens: int
    real_tokens: int
    seconds: float
    waited: float
