"""What the cells of a grid have in common: files named after all that a cell depends on, and models loaded once.

A cell is a synthetic set (`bench.sets`) or a prompt trained on one (`bench.prompts`). One that has its file is not run
again, so that a killed experiment goes on. A cell runs in one thread: its numbers do not depend on how many run at a
time, nor on which machine of many.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from dawgen.config import Dtype, RunConfig
from dawgen.errors import ModelError
from dawgen.files import hash_file, hash_unchanged
from dawgen.methods.spec import MethodSpec
from dawgen.methods.table import METHODS
from dawgen.models.gguf_file import is_gguf
from dawgen.models.load import Backbone, load_generator, load_target
from dawgen.models.resolve import resolve_model
from dawgen.progress import Reporter
from dawgen.runs.folder import Job, StepLog
from dawgen.runtime import pick_device
from dawgen.servers import FREE, ServerSettings

FILES = ("train", "dev", "test", "unlabelled")
# What a run does beside its numbers, or is said by other fields of a cell.
OUTSIDE = {"methods", "threads", "tracking", "memory", "compare_generators", "synthetic"}
SURGERY = ("surgery", "granularity", "epsilon")  # of the synthetic gradient
READ = (
    "model",
    "max_tokens",
    "decoder_sentinel",
    "dtype",
    "chat",
    "placement",
)  # all that a target depends on that takes no steps
ASKED = ("init", "prompt_length")  # and one that is asked with the question from which prompts start
REQUESTED = {"kind", "model", "rivals", *ServerSettings.model_fields} - FREE  # what a server's texts depend on
DECODED = ("strategy", "temperature", "top_p", "max_new_tokens", "first_texts", "shard_texts", "attempts")
UNREAD = ("target", "baselines", "label_words", "question")  # what a set does not depend on
SAID = ("prompt_sources",)  # settings of methods that a cell's other fields say


def describe_set(config: RunConfig) -> dict[str, Any]:
    """Return the settings that a set's numbers depend on: not how a prompt is trained.

    Of a server's set neither how a generator is tuned nor what it may cost and how fast it is asked.
    """
    found = _describe_without(config, UNREAD)
    if config.generator.kind == "api":
        found["generator"] = {name: value for name, value in found["generator"].items() if name in REQUESTED}
        found["decode"] = {name: found["decode"][name] for name in DECODED}
    return found


def describe_prompt(config: RunConfig, method: str, *, synthetic: bool) -> dict[str, Any]:
    """Return the settings that a prompt's numbers depend on: not how texts are written.

    synthetic: whether it is trained on a synthetic set.
    """
    found = _describe_without(config, ("generator", "decode", "curate"))
    spec = METHODS[method]
    if not spec.unlabelled:
        found.pop("unlabelled")
        if spec.rows in (None, "set"):  # a set's size is the cell's `take`; keys of ppt have always had per_label
            found.pop("per_label")
    found["baselines"] = {name: found["baselines"][name] for name in spec.settings if name not in SAID}
    if "prompt" not in spec.trains or "weights" in spec.trains:  # weights are trained to the last step
        found["target"].pop("patience", None)
    if not spec.steps:
        asked = ASKED if config.target.init == "question" and not spec.probe and spec.asks else ()
        found["target"] = {name: found["target"][name] for name in (*READ, *asked) if name in found["target"]}
    elif not synthetic:
        for name in SURGERY:
            found["target"].pop(name)
    if spec.trains != ("prompt",):
        found["target"].pop("temperature", None)
    if not _places(spec):
        found["target"].pop("placement", None)
    if not spec.shots:
        for name in ("seed", "shots"):
            found.pop(name)
    return found


def _places(spec: MethodSpec) -> bool:
    """Return whether a method depends on where prompts stand: it trains one alone, or asks without shots."""
    return spec.trains == ("prompt",) or (not spec.trains and not spec.shots)


def _describe_without(config: RunConfig, sections: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings but for some sections; files are named by what is in them."""
    found = config.model_dump(mode="json", exclude=OUTSIDE)
    for section in ("target", "generator"):  # as in cells from before there was a choice
        if found[section]["chat"] == type(getattr(config, section))().chat:
            found[section].pop("chat")
    if not config.target.patience:  # as before there was an early end
        found["target"].pop("patience")
    if found["question"] is None:
        found.pop("question")
    for name in FILES:
        found[name] = hash_content(found[name])
    for section in sections:
        found.pop(section, None)
    return found


def hash_facts(facts: Any) -> str:
    """Return the name of a cell's files: a hash of all that its numbers depend on."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


@lru_cache
def hash_weights(model: str) -> str:
    """Return the hash of a local model's weights, the name of any other, also of one that is not there."""
    if is_gguf(model):
        return hash_content(model) or model
    try:
        weights = Path(resolve_model(model)) / "model.safetensors"
    except ModelError:  # the cell will say it when its turn comes
        return model
    return hash_file(weights) if weights.is_file() else model


def hash_content(name: str | None) -> str | None:
    """Return the hash of a file's content, the name of anything else."""
    path = Path(name) if name else None
    return name if path is None or not path.is_file() else hash_unchanged(path)


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
