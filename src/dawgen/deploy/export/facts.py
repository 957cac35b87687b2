"""The facts of a trained prompt: from its bundle, the run around it and runs of the same job with other seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from torch import Tensor

from dawgen.deploy.export.sets import gather_set_facts
from dawgen.errors import ConfigError
from dawgen.files import describe_changes
from dawgen.methods.table import METHODS
from dawgen.prompt.bundle.format import BundleInfo
from dawgen.report.run.metrics import MethodNumbers, SetNumbers
from dawgen.report.run.numbers import find_wilson_interval, list_methods, share_rows
from dawgen.rng import numpy_rng
from dawgen.runs.finished import FinishedRun
from dawgen.stats import bootstrap_macro_f1, find_t_interval

# What is counted in a bundle's metrics, and what a method that trained on its own terms adds beside it.
_COUNTS = ("n_real", "n_synthetic", "n_dev", "looks", "trainable")
_MEASURED = ("accuracy", "macro_f1", "n_test", "confusion", "dev_accuracy", *_COUNTS)


def gather_model_facts(folder: Path, prompt: Tensor, info: BundleInfo, runs: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the facts of `report.cards.model.render_model_card` but for the snippets, the licence and the repository.

    prompt: [P,H]. runs: finished runs of the same job with other seeds.

    Raises:
        ConfigError: `runs` without a run around the bundle, or one of another job or seed, naming the difference.
        DataError: a damaged file of the run.
    """
    facts = describe_bundle(prompt, info)
    run = FinishedRun.find(folder)
    if run is None:
        if runs:
            raise ConfigError(f"--runs: expected a bundle inside a run (RUN/prompts/METHOD), {folder} is in none.")
        return facts
    method = folder.resolve().name
    facts |= _describe_run(run, method)
    if runs:
        facts["seeds"] = compare_seeds([run, *map(FinishedRun.open, runs)], method)
    if facts["counts"].get("n_synthetic"):
        facts["set"] = _describe_set(run)
    return facts


def describe_bundle(prompt: Tensor, info: BundleInfo) -> dict[str, Any]:
    """Return the facts in the bundle itself."""
    return {
        "task": str(info.task.get("name", "custom")),
        "pair": bool(info.task.get("pair", True)),
        "labels": list(zip(info.labels, info.label_words, info.label_ids, strict=True)),
        "template": info.template,
        "front": len(info.front),
        "closing": info.closing,
        "base": name_base(info),
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


def name_base(info: BundleInfo) -> dict[str, Any]:
    """Return what identifies the base model."""
    facts = {"name": info.base, "revision": info.revision, "fingerprint": info.fingerprint}
    return facts | {"quantisation": info.quantisation}


def measure_intervals(metrics: Mapping[str, Any], seed: int) -> list[dict[str, Any]]:
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


def compare_seeds(runs: Sequence[FinishedRun], method: str) -> dict[str, Any]:
    """Return the method's accuracy in each run, with the mean over seeds and Student's interval of it.

    Raises:
        ConfigError: runs that differ in more than their seed, share one, or lack the method's accuracy.
    """
    rows, values, wanted = [], list[float](), dict[str, Any]()
    for run in runs:
        name = f"--runs {run.folder}"
        settings = {k: run.recorded[k] for k in run.recorded if k not in ("seed", "threads", "record", "methods")}
        wanted = wanted or settings
        if changes := describe_changes(wanted, settings):
            raise ConfigError(f"{name}: expected the same job with another seed, found changes: {changes}.")
        numbers = run.metrics.methods.get(method, MethodNumbers())
        if numbers.accuracy is None:
            raise ConfigError(f"{name}: expected the accuracy of {method}, found none.")
        rows.append({"seed": run.metrics.seed, "accuracy": numbers.accuracy, "n": numbers.n_test})
        values.append(numbers.accuracy)
    if len({row["seed"] for row in rows}) < len(rows):
        raise ConfigError(f"--runs: expected different seeds, found {', '.join(str(row['seed']) for row in rows)}.")
    return {"rows": rows, "mean": fmean(values), "interval": find_t_interval(values)}


def _describe_run(run: FinishedRun, method: str) -> dict[str, Any]:
    metrics, target = run.metrics, run.recorded.get("target") or {}
    numbers = metrics.methods.get(method, MethodNumbers())
    spec = METHODS.get(method)
    surgery = target.get("surgery") if spec is None or spec.surgery is None else spec.surgery
    return {
        "method": method,
        "surgery": surgery if spec is not None and spec.synthetic else None,
        "shots": metrics.shots_per_label,
        "methods": list_methods(metrics),
        "interference": numbers.interference.model_dump() if numbers.interference else None,
        "seconds": numbers.seconds,
        "run_warnings": list(metrics.warnings),
        "notes": list(metrics.notes),
        "environment": run.environment,
        "inputs": run.hashes,
    }


def _describe_set(run: FinishedRun) -> dict[str, Any]:
    """Return the facts about the synthetic rows of the run: its own set, or a given file."""
    numbers = run.metrics.synthetic or SetNumbers()
    if numbers.given is None and run.written:
        return gather_set_facts(run.folder / "synthetic")
    name = Path(str(numbers.given)).name
    return {"given": name, "sha256": run.hashes.get(name), "kept": numbers.kept if run.metrics.synthetic else None}
