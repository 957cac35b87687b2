"""A unit of work, which engines run: a cell of a grid, or a shard of a file that is being labelled."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
import transformers

from dawgen.errors import DataError, DawgenError

if TYPE_CHECKING:
    from dawgen.engine.storage import Store


class Work(Protocol):
    """One piece of work; its numbers are a function of its key, not of the machine or of what runs beside it."""

    @property
    def key(self) -> str:
        """The name of its files: a hash of all that its numbers depend on, or its place in a row."""
        ...

    @property
    def folder(self) -> str:
        """Where its numbers lie inside the store."""
        ...

    @property
    def file(self) -> str:
        """The name of its numbers inside the store."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of what must be done before."""
        ...

    def is_done(self, store: Store) -> bool:
        """Return whether its files are there."""
        ...

    def run(self, store: Store) -> dict[str, Any]:
        """Do the work and return its numbers; `run_work` writes them."""
        ...


def run_work(work: Work, store: Store) -> dict[str, Any]:
    """Do one piece of work and write its numbers; an error becomes {"error": reason} and is not written.

    Other work goes on, whatever error this one has.
    """
    begin, begin_cpu = time.perf_counter(), time.process_time()
    try:
        numbers = work.run(store)
        numbers["seconds"] = round(time.perf_counter() - begin, 1)
        numbers["cpu_seconds"] = round(time.process_time() - begin_cpu, 1)
        numbers["digest"] = hash_numbers(numbers)
        store.write_json(work.file, numbers)
    except DawgenError as error:
        return {"error": str(error)}
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"}
    return numbers


def read_work(store: Store, file: str) -> dict[str, Any]:
    """Return the numbers of a piece of work.

    Raises DataError where the file is damaged, or has changed since it was written; those of before have no digest.
    """
    numbers = store.read_json(file)
    if not isinstance(numbers, dict) or numbers.get("digest") not in (None, hash_numbers(numbers)):
        raise DataError(
            f"{store.url}/{file}: expected the numbers as they were written, they have changed.\n"
            "Delete the file: it is made again."
        )
    return numbers


def hash_numbers(numbers: Mapping[str, Any]) -> str:
    """Return the SHA-256 of numbers as JSON, but for their digest."""
    named = {name: value for name, value in numbers.items() if name != "digest"}
    return hashlib.sha256(json.dumps(json.loads(json.dumps(named)), sort_keys=True).encode()).hexdigest()


def prepare_process() -> None:
    """Prepare a process for work: one thread, and no messages of transformers."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
