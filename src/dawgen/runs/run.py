"""`dawgen run`: inputs, generator, synthetic set, curation, every method, report; each stage once, in this order."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dawgen
from dawgen.config import DecodeConfig, RunConfig
from dawgen.curation import Curator
from dawgen.errors import ConfigError
from dawgen.files import hash_file, read_json, write_json, write_text
from dawgen.methods.table import METHODS, check_names
from dawgen.models.load import Backbone, load_generator, load_target
from dawgen.prompt.label_words import resolve_label_words
from dawgen.records import Example
from dawgen.report import render_report
from dawgen.runs.folder import Job, RunFolder, StepLog
from dawgen.runs.forecast import announce_cost
from dawgen.runs.generate import compare_kinds, generate_set, judge_kind, tune_generator
from dawgen.runs.inputs import Inputs, load_inputs
from dawgen.runs.interference import measure_interference
from dawgen.runs.methods import check_methods, run_method
from dawgen.runs.progress import Reporter
from dawgen.runs.tracking import check_trackers, track_run
from dawgen.runtime import pick_device, set_threads
from dawgen.scenes.fidelity import has_oracle


def run_job(config: RunConfig, out: Path, *, fresh: bool = False, reporter: Reporter | None = None) -> dict[str, Any]:
    """Do the whole job in the folder `out` and return what metrics.json holds.

    A killed job is resumed to the same bytes (except times); a finished one is read back.

    Raises DataError, ConfigError and ModelError before anything is trained, ShortfallError from generation.
    """
    reporter = reporter or Reporter()
    check_names(config.methods)  # again: settings that Python code makes are resolved nowhere
    check_trackers(config.tracking)
    threads = set_threads(config.threads)
    inputs = load_inputs(config)
    wants_synthetic = any(METHODS[method].synthetic for method in config.methods)
    target = load_target(config.target.model, dtype=config.target.dtype, device=pick_device())
    words = resolve_label_words(target.tokenizer, inputs.task.labels, inputs.task.label_words)
    inputs.notes.append(
        "label words: " + ", ".join(f"{k}={w}" for k, w in zip(inputs.task.labels, words.words, strict=True))
    )
    check_methods(inputs, inputs.synthetic, config)
    if config.compare_generators and not has_oracle(inputs.task.name):
        raise ConfigError(f"compare_generators: no oracle knows the labels of {inputs.task.name}; leave it out.")
    writes = wants_synthetic and inputs.synthetic is None
    source = None
    if writes or config.compare_generators:
        source = load_generator(config.generator.model, dtype=config.generator.dtype, device=pick_device())
    # Trackers do not change the results: a run may be resumed with other ones.
    settings = config.model_dump(mode="json", exclude={"tracking"})
    folder = RunFolder(out, settings, _record(inputs, threads, target, source), fresh=fresh)
    if folder.complete:
        reporter.say(f"{out}: complete, reused")
        return read_json(out / "metrics.json")
    reporter.announce(inputs.notes, inputs.warnings)
    announce_cost(config, inputs, target, source, reporter)
    with track_run(config.tracking, out, settings, reporter) as tracking:
        job = Job(config.seed, StepLog(out / "log.jsonl", tracking.write), reporter)
        metrics = _do_stages(config, inputs, target, source, out, job, writes=writes)
        tracking.finish(metrics)
    write_text(out / "report.html", render_report([out]))
    folder.finish(inputs.hashes)
    return metrics


def _do_stages(
    config: RunConfig, inputs: Inputs, target: Backbone, source: Backbone | None, out: Path, job: Job, *, writes: bool
) -> dict[str, Any]:
    """Tune, write, train and measure; returns what it has written as metrics.json."""
    metrics: dict[str, Any] = {
        "task": inputs.task.name,
        "seed": config.seed,
        "shots_per_label": config.shots,
        "labels": list(inputs.task.labels),
        "generators": {},
        "synthetic": None,
        "methods": {},
        "notes": inputs.notes,
        "warnings": inputs.warnings,
        "seconds": job.seconds,  # filled by the stages of the generator as they end
    }
    synthetic = inputs.synthetic
    if source is not None:
        synthetic = _make_synthetic(config, inputs, source, out, job, metrics, writes=writes)
    elif synthetic is not None:
        metrics["synthetic"] = {"given": config.synthetic, "kept": len(synthetic)}
    for method in config.methods:
        data = synthetic if METHODS[method].synthetic or METHODS[method].gold else None
        place = out / "prompts" / method
        numbers = run_method(method, inputs, data, target, config, folder=place, job=job)
        metrics["warnings"] = [*metrics["warnings"], *numbers.pop("warnings", [])]
        metrics["methods"][method] = numbers
    for name, means in measure_interference(out / "log.jsonl").items():
        metrics["methods"][name]["interference"] = means
    metrics["warnings"] = [*metrics["warnings"], *find_no_gain(metrics["methods"])]
    write_json(out / "metrics.json", metrics)
    job.log.tidy()
    return metrics


def choose_first_texts(config: DecodeConfig, pair: bool, texts: list[str] | None) -> tuple[DecodeConfig, str | None]:
    """Return how first texts are found, and a note where that is not what the settings say."""
    if pair and config.first_texts == "given" and not texts:
        note = "no --unlabelled file: the few-shot texts serve as first texts"
        return config.model_copy(update={"first_texts": "shots"}), note
    return config, None


def shard_settings(
    generator: Path, decode: DecodeConfig, per_label: int, seed: int, first_texts: Sequence[str] | None
) -> dict[str, Any]:
    """Return what shards depend on: prefix, seed, way of writing, first texts, and the quota that ends labels."""
    return {
        "prefix": hash_file(generator / "prefix.safetensors"),
        "seed": seed,
        "decode": decode.model_dump(mode="json"),
        "per_label": per_label,
        "first_texts": hashlib.sha256(json.dumps(first_texts).encode()).hexdigest(),
    }


def _make_synthetic(
    config: RunConfig,
    inputs: Inputs,
    source: Backbone,
    out: Path,
    job: Job,
    metrics: dict[str, Any],
    *,
    writes: bool,
) -> Sequence[Example] | None:
    task, real = inputs.task, inputs.train
    decode, note = choose_first_texts(config.decode, task.pair, inputs.first_texts)
    if note:
        job.reporter.say(note)
        metrics["notes"] = [*metrics["notes"], note]
    texts = inputs.first_texts if decode.first_texts == "given" else None
    others = [kind for kind in config.compare_generators if not (writes and kind == config.generator.kind)]
    folder = out / "generators"
    metrics["generators"] = compare_kinds(
        source, task, real, config.generator, others, decode, texts, folder=folder, job=job
    )
    if not writes:
        return inputs.synthetic
    generator = tune_generator(source, task, real, config.generator, decode, folder=out / "generator", job=job)
    metrics["generators"][config.generator.kind] = judge_kind(generator, texts, job)
    kept, metrics["synthetic"] = generate_set(
        generator,
        config.per_label,
        curator=Curator(real, task.labels, config.curate, dev=inputs.dev or (), test=inputs.test or ()),
        first_texts=texts,
        folder=out / "synthetic",
        settings=shard_settings(out / "generator", decode, config.per_label, config.seed, texts),
        job=job,
    )
    metrics["warnings"] = [*metrics["warnings"], *generator.warnings_]
    return kept


def find_no_gain(methods: dict[str, dict[str, Any]]) -> list[str]:
    """Return a warning if synthetic data made the prompt worse than the few shots alone."""
    base, own = (methods.get(name, {}).get("accuracy") for name in ("prompt_tuning", "dawgen"))
    if base is None or own is None or own >= base:
        return []
    return [f"dawgen: {own:.1%} is below prompt_tuning's {base:.1%}: synthetic data did not help here"]


def _record(inputs: Inputs, threads: int, target: Backbone, source: Backbone | None) -> dict[str, Any]:
    """Return what a run's bytes depend on beside its settings."""
    models = {"target": target} | ({"generator": source} if source else {})
    return {
        "versions": {
            "dawgen": dawgen.__version__,
            "python": platform.python_version(),
            "torch": version("torch"),
            "transformers": version("transformers"),
        },
        "threads": threads,
        "device": pick_device(),
        "models": {
            role: {"name": b.name, "revision": b.revision, "fingerprint": b.fingerprint} for role, b in models.items()
        },
        "inputs": inputs.hashes,
    }
