"""Cells of an experiment: synthetic sets, and prompts trained on them; each has a file named after all it depends on.

A cell that has its file is not run again, so that a killed experiment goes on. Cells run in processes of one thread
each: their numbers do not depend on how many run at a time.
"""

import hashlib
import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property, lru_cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import torch
import transformers

from dawgen.backbones.load import Backbone, load_generator, load_target, resolve_name
from dawgen.config import Method, RunConfig
from dawgen.curation import Curator
from dawgen.curation.filters import is_empty
from dawgen.data import RowFile, as_row, read_shards
from dawgen.errors import DawgenError
from dawgen.files import hash_file, write_json, write_jsonl
from dawgen.pipeline.arms import run_method
from dawgen.pipeline.fidelity import measure_fidelity
from dawgen.pipeline.folder import Job, StepLog
from dawgen.pipeline.forecast import forecast
from dawgen.pipeline.generate import generate_set, tune_generator
from dawgen.pipeline.inputs import load_inputs
from dawgen.pipeline.progress import Reporter
from dawgen.pipeline.run import choose_first_texts, shard_settings
from dawgen.target.methods import METHODS

CALIBRATION = 1.0  # seconds for each kind of cell whose time is predicted


@dataclass
class Cell:
    """One piece of work: a synthetic set where `method` is None, else a trained and measured prompt.

    config: the settings, without `synthetic`. source: the set's file inside the experiment's folder, where one is used.
    An experiment with work of its own overrides `folder`, `effort`, `key` and `run`.
    """

    config: RunConfig
    method: Method | None = None
    source: str | None = None

    @property
    def folder(self) -> str:
        """Where the cell's numbers lie inside the experiment's folder."""
        return "sets" if self.method is None else "prompts"

    @property
    def effort(self) -> float:
        """How many times the predicted seconds of its method the cell takes."""
        return 1.0

    @cached_property
    def key(self) -> str:
        """Return the hash that names the cell's files: settings, models, set; not the machine."""
        config = self.config.model_dump(mode="json", exclude={"methods", "threads"})
        # A prompt does not depend on how texts are written, nor a set on the target.
        for section in ("generator", "decode", "curate") if self.method else ("target",):
            config.pop(section)
        if self.method and self.source is None:  # no synthetic gradient
            for setting in ("surgery", "granularity", "epsilon"):
                config["target"].pop(setting)
        model = self.config.target.model if self.method else self.config.generator.model
        facts = {"config": config, "method": self.method, "source": self.source, "model": hash_weights(model)}
        return hash_facts(facts)

    def run(self, out: Path) -> dict[str, Any]:
        """Do the work and return its numbers; `run_cell` writes them."""
        return make_set(self, out) if self.method is None else train_prompt(self, out)


def hash_facts(facts: Any) -> str:
    """Return the name of a cell's files: a hash of all that its numbers depend on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@lru_cache
def hash_weights(model: str) -> str:
    """Return the hash of a local model's weights, the name of any other."""
    weights = Path(resolve_name(model)) / "model.safetensors"
    return hash_file(weights) if weights.is_file() else model


def run_cells(cells: Iterable[Cell], out: Path, *, jobs: int) -> dict[str, dict[str, Any]]:
    """Return every cell's numbers by its key; those without a file are run first, after a word on how long it takes.

    A cell that fails has {"error": reason} for its numbers and is tried again next time.
    """
    wanted = {cell.key: cell for cell in cells}
    missing = [cell for cell in wanted.values() if not _locate(cell, out).exists()]
    failed: dict[str, dict[str, Any]] = {}
    if missing:
        seconds = predict(missing, out) / jobs
        print(
            f"{len(missing)} of {len(wanted)} cells to run, about {seconds / 60:.1f} min in {jobs} processes",
            flush=True,
        )
        begin, done = time.perf_counter(), 0
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin_process) as pool:
            futures = {pool.submit(run_cell, cell, out): cell for cell in missing}
            for future in as_completed(futures):
                cell, numbers, done = futures[future], future.result(), done + 1
                if "error" in numbers:
                    failed[cell.key] = numbers
                    print(
                        f"failed: {cell.method} {cell.config.task} {cell.config.seed}: {numbers['error']}", flush=True
                    )
                if done % 20 == 0 or done == len(missing):
                    print(f"{done} of {len(missing)} cells, {(time.perf_counter() - begin) / 60:.1f} min", flush=True)
    return {key: failed.get(key) or json.loads(_locate(cell, out).read_bytes()) for key, cell in wanted.items()}


def predict(cells: Sequence[Cell], out: Path) -> float:
    """Return the seconds that the cells take one after another: one of each kind is predicted, and counts for all."""
    kinds: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        config = cell.config
        size, generator, target = config.per_label, config.generator, config.target
        data = Path(config.train).parent if config.train else None
        # All methods that train a prompt take as many steps of as many rows.
        method = "paired" if cell.method and METHODS[cell.method].schedule else cell.method
        kind = (config.task, data, method, size, target.model, target.steps, generator.kind)
        kinds.setdefault(kind, []).append(cell)
    total = 0.0
    for same in kinds.values():
        cell = same[0]
        writes = cell.method is None
        update: dict[str, Any] = {"methods": (cell.method or "paired",), "threads": 1}
        if cell.source is not None:
            update["synthetic"] = str(out / cell.source)
        try:
            stages = forecast(cell.config.model_copy(update=update), budget=CALIBRATION).by_group()
        except DawgenError:  # the cell will say it when its turn comes
            continue
        seconds = sum(value for group, value in stages.items() if (group != "paired") or not writes)
        total += seconds * sum(cell.effort for cell in same)
    return total


def run_cell(cell: Cell, out: Path) -> dict[str, Any]:
    """Run one cell and write its numbers; an error of dawgen's own becomes {"error": reason} and is not written."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    try:
        numbers = cell.run(out)
    except DawgenError as error:
        return {"error": str(error)}
    numbers["seconds"] = round(time.perf_counter() - begin, 1)
    numbers["cpu_seconds"] = round(time.process_time() - begin_cpu, 1)
    write_json(_locate(cell, out), numbers)
    return numbers


def make_set(cell: Cell, out: Path) -> dict[str, Any]:
    """Tune a generator and write sets/KEY/: train.jsonl as curated, raw.jsonl with as many rows, only whole texts.

    Returns label fidelity of both (None without an oracle), and what curation did.
    """
    config, folder = cell.config, out / set_name(cell, "").rstrip("/")
    inputs = load_inputs(config)
    job = quiet_job(config.seed, folder)
    decode, _ = choose_first_texts(config.decode, inputs.task.pair, inputs.first_texts)
    texts = inputs.first_texts if decode.first_texts == "given" else None
    generator = tune_generator(
        cached_generator(config.generator.model),
        inputs.task,
        inputs.train,
        config.generator,
        decode,
        folder=folder / "generator",
        job=job,
    )
    curator = Curator(inputs.train, inputs.task.labels, config.curate, dev=inputs.dev or (), test=inputs.test or ())
    settings = shard_settings(folder / "generator", decode, config.per_label, config.seed, texts)
    _, numbers = generate_set(
        generator,
        config.per_label,
        curator=curator,
        first_texts=texts,
        folder=folder,
        settings=settings,
        job=job,
    )
    write_raw(folder, config.per_label)
    raw = measure_fidelity(inputs.task.name, RowFile(folder / "raw.jsonl"))
    return numbers | {
        "fidelity": {"raw": raw["label_fidelity"], "train": numbers["label_fidelity"]},
        "times": job.seconds,
    }


def write_raw(folder: Path, per_label: int) -> None:
    """Write a set's raw.jsonl from its shards: the first `per_label` whole texts of each label."""
    seen, rows = Counter[str](), []
    for candidate in read_shards(folder / "raw"):
        label = str(candidate.example.label)
        if candidate.finished and not is_empty(candidate.example) and seen[label] < per_label:
            seen[label] += 1
            rows.append(as_row(candidate.example))
    write_jsonl(folder / "raw.jsonl", rows)


def train_prompt(cell: Cell, out: Path) -> dict[str, Any]:
    """Train or score one method; returns its part of metrics.json."""
    assert cell.method is not None
    given = {"synthetic": str(out / cell.source)} if cell.source else {}
    config = cell.config.model_copy(update={"methods": (cell.method,), **given})
    inputs = load_inputs(config)
    target = cached_target(config.target.model)
    with tempfile.TemporaryDirectory() as folder:
        job = quiet_job(config.seed, Path(folder))
        return run_method(cell.method, inputs, inputs.synthetic, target, config, folder=Path(folder), job=job)


def set_name(cell: Cell, file: str) -> str:
    """Return the name of a set's file inside the experiment's folder: what a prompt's cell has as its source."""
    return f"sets/{cell.key}/{file}"


def add_options(parser: Any, *, required: bool = True) -> None:
    """Give a parser the arguments that every experiment of cells has."""
    parser.add_argument("--out", type=Path, required=required, help="a folder; cells found there are not run again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes of one thread each")


def tabulate(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _locate(cell: Cell, out: Path) -> Path:
    return out / cell.folder / f"{cell.key}.json"


def quiet_job(seed: int, folder: Path) -> Job:
    """Return a job that logs into the folder and says nothing."""
    return Job(seed, StepLog(folder / "log.jsonl"), Reporter(quiet=True))


def _begin_process() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def _end_with_parent() -> None:
    """End this process when the experiment is killed: its pool would wait for more cells for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@lru_cache(maxsize=2)
def cached_generator(name: str) -> Backbone:
    """Return the generator's backbone, which a process loads once."""
    return load_generator(name)


@lru_cache(maxsize=2)
def cached_target(name: str) -> Backbone:
    """Return the target's backbone, which a process loads once."""
    return load_target(name)
