"""What is known of a trained prompt: from its bundle, the run around it and runs of the same job with other seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from torch import Tensor

from dawgen.deploy.export.sets import describe_environment, gather_set_facts, name_inputs
from dawgen.errors import ConfigError
from dawgen.files import describe_changes
from dawgen.methods.spec import METHODS
from dawgen.prompt.bundle.format import BundleInfo
from dawgen.report.run.files import Fields
from dawgen.report.run.numbers import find_wilson_interval, list_methods, share_rows
from dawgen.rng import numpy_rng
from dawgen.runs.finished import find_run, read_run_files
from dawgen.stats import bootstrap_macro_f1, find_t_interval

# What is counted in a bundle's metrics, and what a method that trained on its own terms adds beside it.
_COUNTS = ("n_real", "n_synthetic", "n_dev", "looks", "trainable")
_MEASURED = ("accuracy", "macro_f1", "n_test", "confusion", "dev_accuracy", *_COUNTS)


def gather_model_facts(folder: Path, prompt: Tensor, info: BundleInfo, runs: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the facts of `report.model_card.render_model_card` but for the snippets, the licence and the repository.

    prompt: [P,H]. runs: finished runs of the same job with other seeds.

    Raises:
        ConfigError: `runs` without a run around the bundle, or one of another job or seed, naming the difference.
        DataError: a damaged file of the run.
    """
    facts = describe_bundle(prompt, info)
    run = find_run(folder)
    if run is None:
        if runs:
            raise ConfigError(f"--runs: expected a bundle inside a run (RUN/prompts/METHOD), {folder} is in none.")
        return facts
    config, metrics = read_run_files(run)
    facts |= _describe_run(config, metrics, folder.resolve().name)
    if runs:
        facts["seeds"] = compare_seeds([run, *runs], folder.resolve().name)
    if facts["counts"].get("n_synthetic"):
        facts["set"] = _describe_set(run, config, metrics)
    return facts


def describe_bundle(prompt: Tensor, info: BundleInfo) -> dict[str, Any]:
    """Return what the bundle alone says."""
    return {
        "task": str(info.task.get("name", "custom")),
        "pair": bool(info.task.get("pair", True)),
        "labels": list(zip(info.labels, info.label_words, info.label_ids, strict=True)),
        "template": info.template,
        "base": {"name": info.base, "revision": info.revision, "fingerprint": info.fingerprint},
        "dtype": info.dtype,
        "decoder_sentinel": info.decoder_sentinel,
        "max_tokens": info.max_tokens,
        "length": prompt.shape[0],
        "width": prompt.shape[1],
        "imported": info.metrics.get("imported"),
        "schedule": info.schedule,
        "seed": info.seed,
        "settings": {key: value for key, value in info.settings.model_dump(mode="json").items() if key != "model"},
        "counts": {name: info.metrics[name] for name in _COUNTS if info.metrics.get(name) is not None},
        "measures": measure_intervals(info.metrics, info.seed),
        "dev_accuracy": info.metrics.get("dev_accuracy"),
        "confusion": share_rows(info.metrics.get("confusion") or (), info.labels),
        "facts": {key: value for key, value in info.metrics.items() if key not in (*_MEASURED, "imported")},
        "warnings": list(info.warnings),
    }


def measure_intervals(metrics: Fields, seed: int) -> list[dict[str, Any]]:
    """Return accuracy and macro-F1 with their 95 % intervals over test rows, none where nothing was tested."""
    n, accuracy = metrics.get("n_test") or 0, metrics.get("accuracy")
    if not n or accuracy is None:
        return []
    low, high = find_wilson_interval(accuracy, n)
    measures = [{"name": "accuracy", "value": accuracy, "low": low, "high": high, "n": n, "how": "Wilson"}]
    if metrics.get("confusion") and metrics.get("macro_f1") is not None:
        confusion = np.array(metrics["confusion"], dtype=np.int64)
        low, high = bootstrap_macro_f1(confusion, numpy_rng(seed, "card/macro_f1"))
        value = metrics["macro_f1"]
        measures.append({"name": "macro-F1", "value": value, "low": low, "high": high, "n": n, "how": "bootstrap"})
    return measures


def compare_seeds(runs: Sequence[Path], method: str) -> dict[str, Any]:
    """Return the method's accuracy in each run, with the mean over seeds and Student's interval of it.

    Raises:
        ConfigError: runs that differ in more than their seed, share one, or lack the method's accuracy.
    """
    rows, wanted = [], dict[str, Any]()
    for run in runs:
        if not all((run / name).is_file() for name in ("manifest.json", "metrics.json", "config.yaml")):
            raise ConfigError(f"--runs {run}: expected a finished run, found no manifest.json.")
        config, metrics = read_run_files(run)
        settings = {key: config[key] for key in config if key not in ("seed", "threads", "record", "methods")}
        wanted = wanted or settings
        if changes := describe_changes(wanted, settings):
            raise ConfigError(f"--runs {run}: expected the same job with another seed, found changes: {changes}.")
        numbers = metrics.get("methods", {}).get(method, {})
        if numbers.get("accuracy") is None:
            raise ConfigError(f"--runs {run}: expected the accuracy of {method}, found none.")
        rows.append({"seed": metrics.get("seed"), "accuracy": numbers["accuracy"], "n": numbers.get("n_test")})
    if len({row["seed"] for row in rows}) < len(rows):
        raise ConfigError(f"--runs: expected different seeds, found {', '.join(str(row['seed']) for row in rows)}.")
    values = [float(row["accuracy"]) for row in rows]
    return {"rows": rows, "mean": fmean(values), "interval": find_t_interval(values)}


def _describe_run(config: Fields, metrics: Fields, method: str) -> dict[str, Any]:
    numbers = metrics.get("methods", {}).get(method, {})
    spec = METHODS.get(method)  # type: ignore[call-overload]
    surgery = config.get("target", {}).get("surgery") if spec is None or spec.surgery is None else spec.surgery
    return {
        "method": method,
        "surgery": surgery if spec is not None and spec.synthetic else None,
        "shots": metrics.get("shots_per_label"),
        "methods": list_methods(metrics),
        "interference": numbers.get("interference"),
        "seconds": numbers.get("seconds"),
        "run_warnings": metrics.get("warnings") or [],
        "notes": metrics.get("notes") or [],
        "environment": describe_environment(config),
        "inputs": name_inputs(config),
    }


def _describe_set(run: Path, config: Fields, metrics: Fields) -> dict[str, Any]:
    """Return what is known of the rows that the run trained on: its own set, or a file that was given."""
    given = (metrics.get("synthetic") or {}).get("given")
    if given is None and (run / "synthetic" / "train.jsonl").is_file():
        return gather_set_facts(run / "synthetic")
    name = Path(str(given)).name
    return {
        "given": name,
        "sha256": name_inputs(config).get(name),
        "kept": (metrics.get("synthetic") or {}).get("kept"),
    }
