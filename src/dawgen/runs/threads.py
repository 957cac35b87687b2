"""How many CPU threads a stage takes: those it is told, those that it had when it was killed, else the faster of one
and all. Other numbers of threads sum in another order, so that a resumed stage would not write the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from dawgen.cost.predict import choose_threads
from dawgen.cost.table import describe_choice
from dawgen.files import write_text
from dawgen.models.load import Backbone
from dawgen.outputs import NOTES
from dawgen.runtime import count_cpus, find_threads, set_threads
from dawgen.section import MOST_THREADS

TURNS = 3  # passes that are timed with each number of threads, after one that warms up
ROWS, TOKENS = 4, 64  # of a pass


def settle_threads(
    threads: int | None, backbone: Backbone, folder: Path | None = None, say: Callable[[str], object] = lambda _: None
) -> int:
    """Set and return PyTorch's number of threads; `say` is told which was the faster where they were compared.

    threads: as told. folder: in which the stage writes, and keeps the number until it is done; None for a stage that
    is not resumed.
    """
    place = None if folder is None else folder / NOTES / "threads"
    count = find_threads(threads or _read(place), [backbone.size])
    if count is None and backbone.model.device.type == "cpu" and count_cpus() > 1:
        seconds = time_threads(backbone, (1, count_cpus()))
        count = choose_threads(seconds)
        say(describe_choice(count, seconds))
    count = set_threads(count)
    if place is not None:
        place.parent.mkdir(exist_ok=True)
        write_text(place, f"{count}\n")
    return count


@torch.no_grad()
def time_threads(backbone: Backbone, counts: tuple[int, ...]) -> dict[int, float]:
    """Return the median seconds of a forward pass with each number of threads; they take turns, so that other work on
    the machine slows all alike."""
    ids = torch.ones(ROWS, TOKENS, dtype=torch.long)
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids[:, :1]} if backbone.kind == "seq2seq" else {})
    found: dict[int, list[float]] = {count: [] for count in counts}
    now = torch.get_num_threads()
    try:
        for _ in range(1 + TURNS):
            for count, spent in found.items():
                torch.set_num_threads(count)
                begin = time.perf_counter()
                backbone.model(**inputs)
                spent.append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(now)
    return {count: median(spent[1:]) for count, spent in found.items()}


def _read(place: Path | None) -> int | None:
    """Return the number that a killed stage has left; None where there is none that makes sense."""
    if place is None or not place.is_file():
        return None
    said = place.read_text().strip()
    return int(said) if said.isdigit() and 0 < int(said) <= MOST_THREADS else None
