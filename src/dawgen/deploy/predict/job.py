"""`dawgen predict`: check the rows, label the missing shards, and join all labels with the input."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dawgen.deploy.predict.columns import check_kinds, name_columns
from dawgen.deploy.predict.parts import Parts, hold_parts, make_settings
from dawgen.deploy.predict.shard import Shard, Worker, load_once
from dawgen.deploy.predict.source import Facts, Source
from dawgen.deploy.predict.what import What
from dawgen.deploy.predict.workers import check_engine, choose_workers, open_workers, run_shards
from dawgen.deploy.predict.write import DEFAULT, Predictions, check_out, write_output
from dawgen.engine.storage import Store
from dawgen.errors import name_disk_fault
from dawgen.files import replace_file, write_with
from dawgen.methods.kept.probe import has_probe, read_probe
from dawgen.outputs import claim
from dawgen.progress import Reporter
from dawgen.prompt.bundle.format import load_bundle
from dawgen.runtime import pick_device
from dawgen.tasks import Task

SHARD_ROWS = 4096
EVERY = 60.0  # seconds between lines about the progress


@dataclass(frozen=True, slots=True)
class How:
    """How the work is divided; of these settings only shard_rows and threads may change bits of the probabilities.

    workers: None chooses by CPUs, memory and shards. address, gpus: of the Ray cluster, and of each of its tasks.
    fresh: label shards anew that are there.
    """

    shard_rows: int = SHARD_ROWS
    threads: int = 1
    engine: str = "local"
    workers: int | None = None
    address: str = "auto"
    gpus: float = 0.0
    fresh: bool = False


def label_file(
    bundle: Path,
    source: str,
    out: Path,
    *,
    columns: Mapping[str, Any] | None = None,
    what: What = DEFAULT,
    how: How | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Write the rows of a file with label and probability, and what `what` asks beside; returns counts and times.

    Killed at any time, the same call goes on with the first shard that is missing. The output's bytes depend on
    bundle, rows, shard_rows, threads, kind of device and versions; not on workers, engine or kills.

    Raises DataError with file and row before anything is labelled, ConfigError for shards of other settings or an
    impossible `what`, BundleError for a bundle that is damaged or on another base model, DawgenError if a shard fails.
    """
    how, reporter = how or How(), reporter or Reporter()
    check_engine(how.engine, how.threads)
    bundle, begin = bundle.absolute(), time.perf_counter()
    info = read_probe(bundle) if has_probe(bundle) else load_bundle(bundle)[1]
    rows = Source(source, Task.model_validate(info.task), columns)
    check_out(out, rows)
    what.check(info.labels)
    device = "cuda" if how.gpus else "cpu" if how.engine == "ray" else pick_device()
    facts = _check_rows(rows, out, what.name_added(info.labels))
    with claim([out], "predict", [bundle, rows.path]), hold_parts(out):
        worker = Worker(bundle, info.digest, device, how.threads, what.every)
        parts = Parts(out, make_settings(info.digest, facts, how.shard_rows, worker), fresh=how.fresh)
        work = _Work(rows, facts, parts, worker, how)
        numbers = work.label(reporter)
        numbers |= _finish(out, work, Predictions(parts.iterate(work.shards), info.labels, what))
    numbers["seconds"] = round(time.perf_counter() - begin, 1)
    return numbers


@dataclass(frozen=True)
class _Work:
    rows: Source
    facts: Facts
    parts: Parts
    worker: Worker
    how: How

    @property
    def shards(self) -> int:
        return -(-self.facts.rows // self.how.shard_rows)

    def count_rows(self, index: int) -> int:
        """Return how many rows a shard has."""
        return min(self.how.shard_rows, self.facts.rows - index * self.how.shard_rows)

    def label(self, reporter: Reporter) -> dict[str, Any]:
        """Make the shards that are missing; returns how many there were, and rows per second."""
        missing = {index for index in range(self.shards) if not self.parts.is_done(index, self.count_rows(index))}
        workers = self._choose_workers(len(missing)) if missing else 0
        labelled, begin = sum(map(self.count_rows, missing)), time.perf_counter()
        if missing:
            if len(missing) < self.shards:
                reporter.say(f"going on: {self.shards - len(missing)} of {self.shards} shards are there")
            with (
                open_workers(self.how.engine, workers, self.how.address, self.how.gpus) as engine,
                reporter.stage(f"labelling {labelled:,} rows", len(missing)) as advance,
            ):
                progress = _Progress(reporter, labelled)
                for numbers in run_shards(self._iterate_missing(missing), Store(self.parts.folder), engine):
                    advance()
                    progress.add(len(numbers["labels"]))
        seconds = time.perf_counter() - begin
        return {
            "rows": self.facts.rows,
            "shards": self.shards,
            "reused_shards": self.shards - len(missing),
            "workers": workers,
            "threads": self.how.threads,
            "labelled_rows": labelled,
            "rows_per_second": round(labelled / seconds, 1) if missing else None,
        }

    def _iterate_missing(self, missing: set[int]) -> Iterator[Shard]:
        for index, examples in enumerate(self.rows.iterate_chunks(self.how.shard_rows)):
            if index in missing:
                yield Shard(index, examples, self.worker)

    def _choose_workers(self, shards: int) -> int:
        """Return how many processes label; one of them alone is this one, with the bundle loaded."""
        if self.how.workers is not None or self.how.engine == "ray":
            return self.how.workers or choose_workers(shards, 1, 0)
        if self.worker.device != "cpu":
            return 1
        torch.set_num_threads(self.how.threads)
        workers = choose_workers(shards, self.how.threads, load_once(self.worker).weights)
        if workers > 1:
            load_once.cache_clear()
        return workers


@dataclass
class _Progress:
    """Logs the progress from time to time, where there is no progress bar."""

    reporter: Reporter
    rows: int
    done: int = 0
    begin: float = field(default_factory=time.perf_counter)
    said: float = field(default_factory=time.perf_counter)

    def add(self, rows: int) -> None:
        """Count rows that are labelled."""
        self.done += rows
        now = time.perf_counter()
        if not self.reporter.bars and now - self.said > EVERY:
            self.said, speed = now, self.done / (now - self.begin)
            left = (self.rows - self.done) / speed / 60
            self.reporter.say(f"{self.done:,} of {self.rows:,} rows, {speed:,.0f} rows/s, about {left:.0f} min to go")


def _check_rows(rows: Source, out: Path, added: tuple[str, ...]) -> Facts:
    facts = rows.check()
    name_columns(facts.columns, rows.name, added)
    if not (rows.path and rows.name.lower().endswith(".parquet")):
        check_kinds(facts.columns, out.suffix, rows.name)
    return facts


def _finish(out: Path, work: _Work, predictions: Predictions) -> dict[str, Any]:
    """Write the output and remove the shards; returns rows by label, how many abstained and how many were cut."""
    parts, instead = work.parts, predictions.what.instead
    cut = sum(parts.read(index)["cut"] for index in range(work.shards))

    def write(path: Path) -> None:
        write_output(path, out.suffix, work.rows, work.facts, predictions)
        work.rows.check_unchanged()

    # Inside the folder, which goes as a whole: a killed process leaves no half file beside the output.
    whole = parts.folder / "whole"
    write_with(whole, write)
    with name_disk_fault(out):
        replace_file(whole, out)
    parts.remove()
    labels = {label: predictions.counts[label] for label in predictions.labels}
    unsure = {} if instead is None else {"abstained": predictions.counts[instead]}
    return {"out": str(out), "cut": cut, "labels": labels, **unsure}
