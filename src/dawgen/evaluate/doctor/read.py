"""The facts that stand in a run's own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dawgen.data import parse_fields, read_shards
from dawgen.errors import DataError
from dawgen.evaluate.audit.posterior import describe_posterior
from dawgen.evaluate.doctor.facts import Facts, MethodFacts, SetFacts
from dawgen.methods.spec import METHODS, MethodSpec
from dawgen.report.run.files import RunFiles, read_run

Fields = Mapping[str, Any]
SPECS: Mapping[str, MethodSpec] = {str(name): spec for name, spec in METHODS.items()}


def read_facts(folder: Path) -> tuple[RunFiles, Facts]:
    """Return the files of a run folder and what they say. Raises DataError for what is no finished run."""
    files = read_run(folder)
    metrics, config = files.metrics, files.config
    labels = tuple(metrics.get("labels", ()))
    steps: dict[str, dict[int, Fields]] = {}
    for row in files.log:
        if row.get("stage") == "target" and "step" in row:
            steps.setdefault(str(row.get("method")), {})[row["step"]] = row  # a resumed training logs steps again
    methods = {
        name: _read_method(name, numbers, config, list(steps.get(name, {}).values()), folder, labels)
        for name, numbers in metrics.get("methods", {}).items()
    }
    facts = Facts(
        run=str(folder),
        task=metrics.get("task", ""),
        target=(config.get("target") or {}).get("model", ""),
        seed=metrics.get("seed", 0),
        shots=metrics.get("shots_per_label"),
        labels=labels,
        words=_read_words(folder, methods),
        methods=methods,
        set=_read_set(files, folder, labels),
    )
    return files, facts


def _read_method(
    name: str, numbers: Fields, config: Fields, steps: Sequence[Fields], folder: Path, labels: Sequence[str]
) -> MethodFacts:
    spec, target = SPECS.get(name), config.get("target") or {}
    if spec is None:
        raise DataError(f"{folder}/metrics.json: expected methods that dawgen has, found {name!r}; it is damaged.")
    truth, predicted = _read_answers(folder / "prompts" / name / "predicted.json", len(labels))
    confusion = [[0] * len(labels) for _ in labels]
    for true, answer in zip(truth, predicted, strict=True):
        confusion[true][answer] += 1
    met = [row for row in steps if row.get("conflict") is not None and row.get("removed") is not None]
    losses = [row["loss_real"] if row.get("loss_real") is not None else row.get("loss_synthetic") for row in steps]
    return MethodFacts(
        name=name,
        schedule=spec.schedule or "",
        synthetic=spec.synthetic,
        surgery=spec.surgery or target.get("surgery", "project") if spec.schedule == "paired" else "none",
        confusion=tuple(map(tuple, confusion if truth else numbers.get("confusion") or ())),
        correct="".join("01"[true == answer] for true, answer in zip(truth, predicted, strict=True)),
        dev_accuracy=numbers.get("dev_accuracy"),
        n_dev=numbers.get("n_dev") or 0,
        looks=numbers.get("looks") or 0,
        losses=tuple(loss for loss in losses if loss is not None),
        steps=len(met) or len(steps),
        conflict=sum(row["conflict"] for row in met) / len(met) if met else None,
        removed=sum(row["removed"] for row in met) / len(met) if met else None,
    )


def _read_answers(path: Path, labels: int) -> tuple[list[int], list[int]]:
    """Return the true and the predicted label numbers of the test rows; empty where nothing was predicted."""
    if not path.is_file():
        return [], []
    row = parse_fields(path.read_text(encoding="utf-8"), str(path))
    gold, predicted = row.get("gold"), row.get("predicted")
    if not isinstance(gold, list) or not isinstance(predicted, list) or len(gold) != len(predicted):
        raise DataError(f"{path}: expected the lists gold and predicted of one length; the file is damaged.")
    if wrong := [number for number in (*gold, *predicted) if number not in range(labels)]:
        raise DataError(f"{path}: expected label numbers below {labels}, found {wrong[0]!r}; the file is damaged.")
    return gold, predicted


def _read_words(folder: Path, methods: Mapping[str, MethodFacts]) -> tuple[str, ...]:
    """Return the label words that the run's bundles have."""
    for name in methods:
        path = folder / "prompts" / name / "bundle.json"
        if path.is_file():
            return tuple(parse_fields(path.read_text(encoding="utf-8"), str(path)).get("label_words", ()))
    return ()


def _read_set(files: RunFiles, folder: Path, labels: Sequence[str]) -> SetFacts | None:
    """Return what the files say about the set; None where the run has none. A given set is counted when looked at."""
    numbers = files.metrics.get("synthetic")
    if not numbers:
        return None
    kind = "" if "given" in numbers else (files.config.get("generator") or {}).get("kind", "")
    counts = dict.fromkeys(labels, 0)
    for row in files.kept:
        if row.get("label") in counts:
            counts[row["label"]] += 1
    return SetFacts(
        rows=len(files.kept) or numbers.get("kept", 0),
        labels=counts,
        given="given" in numbers,
        kind=kind,
        fidelity=numbers.get("label_fidelity"),
        raw_fidelity=files.metrics.get("generators", {}).get(kind, {}).get("label_fidelity"),
        posterior=measure_posterior(folder / "synthetic" / "raw", labels),
    )


def measure_posterior(folder: Path, labels: Sequence[str]) -> float | None:
    """Return the mean of p(own label | text) over the candidates of raw shards, None without any."""
    known = [(row.example, row.logp) for row in read_shards(folder) if row.logp and row.example.label in labels]
    if not known:
        return None
    found = describe_posterior([row for row, _ in known], np.array([logp for _, logp in known]), labels, "raw")
    return None if found is None else float(found["value"])
