"""Progress: bars on a terminal and in notebooks, plain lines elsewhere.

All is on stderr, or in the notebook's cell, so that stdout has only the result.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dawgen.notebook import Bar, in_notebook

_LIBRARIES = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}  # read when these are imported
_quiet = False  # of the whole process: the command line sets it once, before a verb begins


Log = Callable[[dict[str, Any]], object]


class Advance(Protocol):
    """The function that a stage calls for every step; `done` replaces the number of steps so far."""

    def __call__(self, done: int | None = None) -> None:
        """Count one more step, or say how many are done."""


def be_quiet(wanted: bool = True) -> None:
    """Have every reporter of this process say nothing from now on, and libraries nothing but errors; or end that."""
    global _quiet
    _quiet = wanted
    if wanted:
        os.environ.update(_LIBRARIES)


def is_quiet() -> bool:
    """Return whether `be_quiet` holds."""
    return _quiet


def warn(text: str) -> None:
    """Print one line on stderr, unless this process is to be quiet."""
    Reporter().say(text)


@contextmanager
def follow(what: str, total: int, log: Log | None, count: Callable[[dict[str, Any]], int]) -> Iterator[Log | None]:
    """Yield the log for a job of `total` steps: the caller's own if there is one.

    Without it a notebook has one that moves a bar, by `count` of each record, and all else has None.
    """
    if log is not None or _quiet or total < 1 or not in_notebook():
        yield log
        return
    bar = Bar(what, total)
    try:
        yield lambda record: bar.advance(count(record))
    finally:
        bar.end()


class Reporter:
    """Shows what a job is doing. quiet: says nothing; None does as `be_quiet` has said."""

    def __init__(self, *, quiet: bool | None = None) -> None:
        quiet = _quiet if quiet is None else quiet
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.notebook = in_notebook() and not quiet
        self.bars = (sys.stderr.isatty() or self.notebook) and not quiet

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, markup=False)

    def announce(self, notes: Sequence[str], warnings: Sequence[str]) -> None:
        """Print the notes from reading the data."""
        for text in (*notes, *(f"warning: {warning}" for warning in warnings)):
            self.say(text)

    @contextmanager
    def stage(self, what: str, total: int) -> Iterator[Advance]:
        """Show a stage of `total` steps; yields a function to call after each step."""
        if self.notebook:  # rich's own bars there need ipywidgets
            bar = Bar(what, total)
            try:
                yield bar.advance
            finally:
                bar.end()
            return
        begin = time.perf_counter()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.bars) as progress:
            task = progress.add_task(what, total=total)

            def advance(done: int | None = None) -> None:
                if done is None:
                    progress.advance(task)
                else:
                    progress.update(task, completed=done)

            yield advance
        self.say(f"{what}: {time.perf_counter() - begin:.0f} s")
