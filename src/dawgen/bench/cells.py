"""Cells of an experiment: synthetic sets, and prompts trained on them; each has a file named after all it depends on.

A cell that has its file is not run again, so that a killed experiment goes on. A cell runs in one thread: its numbers
do not depend on how many run at a time, nor on which machine of many.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from dawgen.bench.arms import UNTRAINED
from dawgen.config import Dtype, Method, RunConfig
from dawgen.errors import ModelError
from dawgen.files import hash_file
from dawgen.methods.spec import METHODS
from dawgen.models.load import Backbone, load_generator, load_target, resolve_name
from dawgen.runs.folder import Job, StepLog
from dawgen.runs.progress import Reporter
from dawgen.runtime import pick_device

if TYPE_CHECKING:
    from dawgen.engine.storage import Store

FILES = ("train", "dev", "test", "unlabelled")
# What a run does beside its numbers, or is said by other fields of a cell.
OUTSIDE = {"methods", "threads", "tracking", "compare_generators", "synthetic"}
SURGERY = ("surgery", "granularity", "epsilon")  # of the synthetic gradient
READ = ("model", "max_tokens", "decoder_sentinel", "dtype")  # all that an untrained target depends on
# The methods that a baselines' setting is for; one that is not named here counts for all.
OWNERS: dict[str, tuple[Method, ...]] = {
    "tuning_lr": ("fine_tuning", "prompt_fine_tuning", "soft_fine_tuning"),
    "lora_lr": ("lora",),
    "lora_rank": ("lora",),
    "smoothing": ("pooled_smoothed",),
    "edits": ("eda",),
    "pretraining_steps": ("ppt",),
    "prompt_sources": (),  # a cell's `prompts` say them
}
# Seconds over those of a prompt on both sources; measured on the minis.
EFFORTS: dict[Method, float] = {
    "fine_tuning": 0.75,
    "prompt_fine_tuning": 0.85,
    "soft_fine_tuning": 1.4,
    "lora": 0.7,
    "spot": 1.9,  # two prompts
}
SIZED: tuple[Method, ...] = ("gold", "eda", "ppt")  # depend on per_label without a set


@dataclass
class Cell:
    """One piece of work: a synthetic set where `method` is None, else a trained and measured prompt.

    config: the settings, without `synthetic`. source: the set's file inside the store, where one is used. take: how
    many of its rows of each label, None for all. prompts: folders of other tasks' prompts inside the store (SPoT).
    likeliest: an untuned generator's set, from which its likeliest texts are chosen. test_rows: measure on so many
    drawn test rows, the same for every seed. keep: leave the trained prompt in the store, as others start from it.

    An experiment with work of its own overrides `folder`, `effort`, `key` and `run`.
    """

    config: RunConfig
    method: Method | None = None
    source: str | None = None
    take: int | None = None
    prompts: tuple[str, ...] = ()
    likeliest: bool = False
    test_rows: int | None = None
    keep: bool = False

    @property
    def folder(self) -> str:
        """Where the cell's numbers lie inside the store."""
        return "sets" if self.method is None else "prompts"

    @property
    def place(self) -> str:
        """The name of the cell's own folder inside the store, where it has one."""
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
        """How many times the seconds of training a prompt on the same target the cell takes."""
        if self.method == "ppt":  # two prompts, the first on real-sized batches of the pseudo task
            return 1 + 0.7 * self.config.baselines.pretraining_steps / self.config.target.steps
        return EFFORTS.get(self.method, 1.0) if self.method else 1.0

    @cached_property
    def key(self) -> str:
        """The hash that names the cell's files: settings, contents of files, models, set; not the machine."""
        model = self.config.target.model if self.method else self.config.generator.model
        facts = {
            "config": describe_config(self),
            "method": self.method,
            "source": self.source,
            "take": self.take,
            "prompts": sorted(self.prompts),
            "likeliest": self.likeliest,
            "test_rows": self.test_rows,
            "model": hash_weights(model),
        }
        return hash_facts(facts)

    def is_done(self, store: Store) -> bool:
        """Return whether the cell's files are there."""
        return store.exists(self.file) and (not self.keep or store.exists(f"{self.place}/bundle.json"))

    def run(self, store: Store) -> dict[str, Any]:
        """Do the work and return its numbers; `run_work` writes them."""
        from dawgen.bench.prompts import train_prompt
        from dawgen.bench.sets import make_set

        return make_set(self, store) if self.method is None else train_prompt(self, store)


def describe_config(cell: Cell) -> dict[str, Any]:
    """Return the settings that a cell's numbers depend on; files are named by what is in them."""
    config = cell.config.model_dump(mode="json", exclude=OUTSIDE)
    for name in FILES:
        config[name] = hash_content(config[name])
    # A prompt does not depend on how texts are written, nor a set on the target.
    for section in ("generator", "decode", "curate") if cell.method else ("target", "baselines", "label_words"):
        config.pop(section)
    if cell.method is None:
        return config
    if not METHODS[cell.method].unlabelled:
        config.pop("unlabelled")
    if cell.method not in SIZED:
        config.pop("per_label")
    config["baselines"] = {
        name: value for name, value in config["baselines"].items() if cell.method in OWNERS.get(name, (cell.method,))
    }
    if cell.method in UNTRAINED:
        config["target"] = {name: config["target"][name] for name in READ}
    elif cell.source is None:
        for name in SURGERY:
            config["target"].pop(name)
    if cell.method == "zero_shot":
        for name in ("seed", "shots"):
            config.pop(name)
    return config


def hash_facts(facts: Any) -> str:
    """Return the name of a cell's files: a hash of all that its numbers depend on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@lru_cache
def hash_weights(model: str) -> str:
    """Return the hash of a local model's weights, the name of any other, also of one that is not there."""
    try:
        weights = Path(resolve_name(model)) / "model.safetensors"
    except ModelError:  # the cell will say it when its turn comes
        return model
    return hash_file(weights) if weights.is_file() else model


def hash_content(name: str | None) -> str | None:
    """Return the hash of a file's content, the name of anything else."""
    path = Path(name) if name else None
    if path is None or not path.is_file():
        return name
    stat = path.stat()
    return _hash_known(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _hash_known(path: Path, size: int, changed: int) -> str:
    return hash_file(path)


def quiet_job(seed: int, folder: Path) -> Job:
    """Return a job that logs into the folder and says nothing."""
    return Job(seed, StepLog(folder / "log.jsonl"), Reporter(quiet=True))


def cached_generator(name: str, dtype: Dtype = "float32") -> Backbone:
    """Return the generator's backbone, which a process loads once."""
    return _load_once("generator", name, dtype)


def cached_target(name: str, dtype: Dtype = "float32") -> Backbone:
    """Return the target's backbone, which a process loads once."""
    return _load_once("target", name, dtype)


@lru_cache(maxsize=3)
def _load_once(role: str, name: str, dtype: Dtype) -> Backbone:
    load = load_generator if role == "generator" else load_target
    return load(name, dtype=dtype, device=pick_device())
