"""Prompt cells: one method trained or scored, with all that the tables and charts of a grid show of it."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dawgen.bench.cells import cached_target, describe_prompt, hash_content, hash_facts, hash_weights, quiet_job
from dawgen.config import RunConfig
from dawgen.curation.filters import is_empty
from dawgen.data import as_row, check_shards, read_shards
from dawgen.engine.work import read_work
from dawgen.errors import DataError
from dawgen.files import hash_unchanged, read_json, write_jsonl
from dawgen.methods.table import METHODS
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.runs.inputs import Inputs, load_inputs
from dawgen.runs.methods import run_method
from dawgen.scenes.fidelity import measure_fidelity

if TYPE_CHECKING:
    from dawgen.engine.storage import Store

WINDOWS = 15  # points of a training curve
TEXTS = "texts"  # what targets have read, shared by all cells until the grid is done
CURVES = ("loss_real", "loss_synthetic", "cos", "conflict", "removed")


@dataclass
class PromptCell:
    """A prompt, or another way of a method, to train and measure.

    config: the settings, without `synthetic`. source: the set inside the store, where one is used: its file, or the
    folder of its texts as they were written. given: a set's file elsewhere instead. take: how many of its rows of each
    label, None for all. prompts: folders of other tasks' prompts inside the store (SPoT). test_rows: measure on so many
    drawn test rows, the same for every seed. keep: leave the trained prompt in the store, as others start from it.
    """

    config: RunConfig
    method: str
    source: str | None = None
    take: int | None = None
    prompts: tuple[str, ...] = ()
    test_rows: int | None = None
    keep: bool = False
    given: str | None = None

    folder = "prompts"

    @property
    def place(self) -> str:
        """The name of the cell's own folder inside the store, where its prompt is kept."""
        return f"{self.folder}/{self.key}"

    @property
    def file(self) -> str:
        """The name of the cell's numbers inside the store."""
        return f"{self.place}.json"

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of the cells that must be done before: the set, and the prompts of other tasks."""
        names = [PurePosixPath(name).parts for name in (self.source, *self.prompts) if name]
        return tuple(parts[1] for parts in names if parts[0] in ("sets", "prompts"))

    @property
    def effort(self) -> float:
        """How many times the predicted seconds the cell takes: an experiment may do more than its method says."""
        return 1.0

    @cached_property
    def key(self) -> str:
        """The hash that names the cell's files: settings, contents of files, the target, the set; not the machine."""
        facts = {
            "config": describe_prompt(self.config, self.method, synthetic=bool(self.source or self.given)),
            "method": self.method,
            "source": self.source,
            "take": self.take,
            "prompts": sorted(self.prompts),
            "test_rows": self.test_rows,
            "model": hash_weights(self.config.target.model),
            # What only sets have; names of prompts that are there already were made with it.
            "likeliest": False,
        }
        return hash_facts(facts | ({"given": hash_content(self.given)} if self.given else {}))

    def is_done(self, store: Store) -> bool:
        """Return whether the cell's files are there."""
        return store.exists(self.file) and (not self.keep or store.exists(f"{self.place}/bundle.json"))

    def run(self, store: Store) -> dict[str, Any]:
        """Train and measure, and return the numbers; `run_work` writes them."""
        return train_prompt(self, store)


def train_prompt(cell: PromptCell, store: Store) -> dict[str, Any]:
    """Train or score the cell's method.

    Returns its part of metrics.json, and "correct" (one character per test row, "1" where the prediction is right),
    "curves" (see `draw_curves`) and "fidelity" (of the synthetic rows that it used, None without).
    """
    with _open_folder(cell, store) as name:
        folder = Path(name)
        config = resolve_names(cell, store, folder)
        inputs = load_cell(config, cell.test_rows)
        synthetic = None if inputs.synthetic is None else take_rows(inputs.synthetic, cell.take)
        if cell.given is not None and cell.take is not None:
            check_count(synthetic or (), inputs.task.labels, cell.take, cell.given)
        target = cached_target(config.target.model, config.target.dtype)
        if config.target.placement == "behind" and store.folder is not None:
            target.texts.use_folder(store.folder / TEXTS)
        job = quiet_job(config.seed, folder)
        numbers = run_method(cell.method, inputs, synthetic, target, config, folder=folder, job=job)
        found = None if synthetic is None else measure_fidelity(inputs.task.name, synthetic)
        return {
            **numbers,
            "correct": _read_correct(folder / "predicted.json"),
            "curves": draw_curves(_read_steps(folder / "log.jsonl")),
            "fidelity": None if found is None else found["label_fidelity"],
            **({"quantisation": target.quantisation} if target.quantisation else {}),
        }


def resolve_names(cell: PromptCell, store: Store, folder: Path) -> RunConfig:
    """Return the settings with local files in place of the store's names. folder: for a file of texts as written."""
    update: dict[str, Any] = {"methods": (cell.method,)}
    if cell.source is not None:
        found = fetch_set(store, cell.source)
        update["synthetic"] = str(write_raw(found, folder / "raw.jsonl", cell.take) if found.is_dir() else found)
    elif cell.given is not None:
        update["synthetic"] = cell.given
    if cell.prompts:
        bundles = tuple(str(store.fetch(name)) for name in cell.prompts)
        update["baselines"] = cell.config.baselines.model_copy(update={"prompt_sources": bundles})
    if not METHODS[cell.method].unlabelled:
        update["unlabelled"] = None
    return cell.config.model_copy(update=update)


def fetch_set(store: Store, source: str) -> Path:
    """Return the file of a set, or the folder of its shards, as its numbers say that it was written.

    Raises DataError where it is gone or has changed.
    """
    numbers = f"{PurePosixPath(source).parent}.json"
    advice = f"Delete {numbers} there too: the set is then written again."
    if not store.exists(source):
        raise DataError(f"{store.url}/{source}: expected a synthetic set, it is gone.\n{advice}")
    found = store.fetch(source)
    if found.is_dir():
        check_shards(found)
        return found
    known = read_work(store, numbers).get("files", {}) if store.exists(numbers) else {}
    if known.get(found.name) not in (None, hash_unchanged(found)):
        raise DataError(f"{store.url}/{source}: it has changed since it was written.\nDelete it. {advice}")
    return found


def load_cell(config: RunConfig, test_rows: int | None = None) -> Inputs:
    """Return the inputs with `test_rows` test rows, drawn alike for every seed; None: all."""
    inputs = load_inputs(config)
    if test_rows is None or inputs.test is None or len(inputs.test) <= test_rows:
        return inputs
    chosen = python_rng(0, f"bench/test/{inputs.task.name}").sample(range(len(inputs.test)), test_rows)
    return replace(inputs, test=[inputs.test[place] for place in sorted(chosen)])


def take_rows(rows: Sequence[Example], per_label: int | None) -> Sequence[Example]:
    """Return the first `per_label` rows of every label in their order, or all."""
    if per_label is None:
        return rows
    seen, taken = Counter[str | None](), []
    for row in rows:
        seen[row.label] += 1
        if seen[row.label] <= per_label:
            taken.append(row)
    return taken


def check_count(rows: Iterable[Example], labels: Iterable[str], per_label: int, name: str) -> None:
    """Raise DataError where a label has fewer rows: the set would not be of the size that the results say."""
    seen = Counter(row.label for row in rows)
    if short := [label for label in labels if seen[label] < per_label]:
        raise DataError(
            f"{name}: expected {per_label} rows of {short[0]!r}, found {seen[short[0]]}.\n"
            "Give the grid smaller multiples."
        )


def write_raw(shards: Path, path: Path, per_label: int | None) -> Path:
    """Write the texts of shards as they were written, the first whole ones of each label, and return the path."""
    whole = (c.example for c in read_shards(shards) if c.finished and not is_empty(c.example))
    rows = take_rows(list(whole), per_label)
    write_jsonl(path, [as_row(row) for row in rows])
    return path


def draw_curves(steps: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Return {"step": last step of each window, "loss_real": means over the window, ...} of logged training steps.

    There are at most 15 windows of equal length. A field that no step has is left out; a window without it has None.
    """
    if not steps:
        return {}
    count = min(WINDOWS, len(steps))
    bounds = [len(steps) * place // count for place in range(count + 1)]
    windows = [steps[begin:end] for begin, end in pairwise(bounds)]
    curves: dict[str, list[float | None]] = {"step": [window[-1]["step"] for window in windows]}
    for field in CURVES:
        means = [_mean(row.get(field) for row in window) for window in windows]
        if any(mean is not None for mean in means):
            curves[field] = means
    return curves


def _mean(values: Iterable[Any]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return round(fmean(known), 5) if known else None


def _open_folder(cell: PromptCell, store: Store) -> AbstractContextManager[str | Path]:
    """Return where the method works: in the store if its prompt is to stay, else in a folder that goes away."""
    return store.workspace(cell.place) if cell.keep else tempfile.TemporaryDirectory()


def _read_correct(path: Path) -> str:
    found = read_json(path)
    return "".join(str(int(a == b)) for a, b in zip(found["gold"], found["predicted"], strict=True))


def _read_steps(path: Path) -> list[dict[str, Any]]:
    """Return the steps of the target's training; of a step that a killed training repeated the last counts."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    steps = {row["step"]: row for row in rows if row.get("stage") == "target"}
    return [steps[step] for step in sorted(steps)]
