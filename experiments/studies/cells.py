"""What only the experiments need of cells: sets without curation beside curated ones, options, and tables."""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from dawgen.bench.cells import hash_facts
from dawgen.bench.job import describe_cell
from dawgen.bench.plan import Cell
from dawgen.bench.predict import predict_cells
from dawgen.bench.prompts import write_raw
from dawgen.bench.sets import SetCell
from dawgen.data import RowFile
from dawgen.engine.local import LocalEngine
from dawgen.engine.schedule import run_all as run_on
from dawgen.engine.storage import Store
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task

EVERY = 20  # cells, after which the time is said
OLD: dict[str, Any] = {"lr": 0.3, "patience": 0}  # of target when most tables were made; their cells keep their names


class RawSet(SetCell):
    """A set with raw.jsonl beside train.jsonl: as many rows, only whole texts, without curation."""

    @cached_property
    def key(self) -> str:
        """The hash that names the cell's files."""
        return hash_facts(["raw", super().key])

    def run(self, store: Store) -> dict[str, Any]:
        """Make the set, and measure label fidelity of the raw rows too ("raw_fidelity", None without an oracle)."""
        numbers = super().run(store)
        with store.workspace(self.place) as folder:
            write_raw(folder / "raw", folder / "raw.jsonl", self.config.per_label)
            task = Task.load(str(self.config.task)).name
            found = measure_fidelity(task, RowFile(folder / "raw.jsonl"))
        return numbers | {"raw_fidelity": found["label_fidelity"]}


def run_cells(cells: Iterable[Cell], out: Path, *, jobs: int) -> dict[str, dict[str, Any]]:
    """Return every cell's numbers by its key; those without a file are run first, after a word on how long it takes.

    A cell that fails has {"error": reason} for its numbers and is tried again next time.
    """
    wanted, store = {cell.key: cell for cell in cells}, Store(out)
    missing = [cell for cell in wanted.values() if not cell.is_done(store)]
    if not missing:
        return {key: store.read_json(cell.file) for key, cell in wanted.items()}
    times = predict_cells(missing)
    minutes = times.total / jobs / 60
    print(f"{len(missing)} of {len(wanted)} cells to run, about {minutes:.1f} min in {jobs} processes", flush=True)
    begin, ended = time.perf_counter(), Counter[str]()

    def end(cell: Cell, numbers: dict[str, Any]) -> None:
        if "error" in numbers:
            print(f"failed: {describe_cell(cell)}: {numbers['error']}", flush=True)
        ended["cells"] += 1
        if ended["cells"] % EVERY == 0 or ended["cells"] == len(missing):
            passed = (time.perf_counter() - begin) / 60
            print(f"{ended['cells']} of {len(missing)} cells, {passed:.1f} min", flush=True)

    engine = LocalEngine(jobs)
    try:
        return run_on(wanted.values(), store, engine, seconds=times.seconds, ended=end)
    finally:
        engine.close()


def add_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Give a parser the arguments that every experiment of cells has."""
    parser.add_argument("--out", type=Path, required=required, help="a folder; cells found there are not run again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes of one thread each")


def tabulate(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
