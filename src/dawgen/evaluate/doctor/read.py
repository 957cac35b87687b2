"""Reads facts from a run's own files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dawgen.data import parse_fields, read_shards
from dawgen.errors import DataError
from dawgen.evaluate.audit.posterior import describe_posterior
from dawgen.evaluate.doctor.facts import Facts, MethodFacts, SetFacts
from dawgen.methods.table import METHODS
from dawgen.report.run.metrics import MethodNumbers
from dawgen.runs.finished import FinishedRun


def read_facts(run: FinishedRun) -> Facts:
    """Return what the files of a run say. Raises DataError for a damaged one."""
    metrics = run.metrics
    return Facts(
        run=str(run.folder),
        task=metrics.task,
        target=(run.recorded.get("target") or {}).get("model", ""),
        seed=metrics.seed or 0,
        shots=metrics.shots_per_label,
        labels=metrics.labels,
        words=_read_words(run),
        rate=_read_rate(run),
        methods={
            name: _read_method(run, name, numbers)
            for name, numbers in metrics.methods.items()
            if name not in METHODS or not METHODS[name].probe  # what can be wrong with a prompt is no fault of a probe
        },
        set=_read_set(run),
    )


def _read_method(run: FinishedRun, name: str, numbers: MethodNumbers) -> MethodFacts:
    spec, target, steps = METHODS.get(name), run.recorded.get("target") or {}, run.steps(name)
    if spec is None:
        raise DataError(f"{run.folder}/metrics.json: expected methods that dawgen has, found {name!r}; it is damaged.")
    truth, predicted = run.read_answers(name)
    confusion = [[0] * len(run.metrics.labels) for _ in run.metrics.labels]
    for true, answer in zip(truth, predicted, strict=True):
        confusion[true][answer] += 1
    met = [row for row in steps if row.get("conflict") is not None and row.get("removed") is not None]
    losses = [row["loss_real"] if row.get("loss_real") is not None else row.get("loss_synthetic") for row in steps]
    return MethodFacts(
        name=name,
        schedule=spec.schedule or "",
        synthetic=spec.synthetic,
        surgery=spec.surgery or target.get("surgery", "project") if spec.schedule == "paired" else "none",
        confusion=tuple(map(tuple, confusion)) if truth else numbers.confusion,
        correct="".join("01"[true == answer] for true, answer in zip(truth, predicted, strict=True)),
        dev_accuracy=numbers.dev_accuracy,
        n_dev=numbers.n_dev or 0,
        looks=numbers.looks or 0,
        losses=tuple(loss for loss in losses if loss is not None),
        steps=len(met) or len(steps),
        conflict=sum(row["conflict"] for row in met) / len(met) if met else None,
        removed=sum(row["removed"] for row in met) / len(met) if met else None,
    )


def _read_rate(run: FinishedRun) -> str:
    target = run.recorded.get("target") or {}
    name = "rate" if target.get("lr") is None else "lr"
    return f"target.{name} {target[name]:g}" if isinstance(target.get(name), int | float) else ""


def _read_words(run: FinishedRun) -> tuple[str, ...]:
    """Return the label words that the run's bundles have."""
    for place in filter(None, map(run.bundle, run.metrics.methods)):
        path = place / "bundle.json"
        return tuple(parse_fields(path.read_text(encoding="utf-8"), str(path)).get("label_words", ()))
    return ()


def _read_set(run: FinishedRun) -> SetFacts | None:
    """Return what the files say about the set; None where the run has none. A given set is counted when looked at."""
    numbers, labels = run.metrics.synthetic, run.metrics.labels
    if numbers is None:
        return None
    given = numbers.given is not None
    kind = "" if given else (run.recorded.get("generator") or {}).get("kind", "")
    counts = Counter(str(row.label) for row in run.written)
    judged = run.metrics.generators.get(kind)
    return SetFacts(
        rows=len(run.written) or numbers.kept,
        labels={label: counts[label] for label in labels},
        given=given,
        kind=kind,
        fidelity=numbers.label_fidelity,
        raw_fidelity=judged.label_fidelity if judged else None,
        posterior=measure_posterior(run.raw, labels),
    )


def measure_posterior(folder: Path, labels: Sequence[str]) -> float | None:
    """Return the mean of p(own label | text) over the candidates of raw shards, None without any."""
    known = [(row.example, row.logp) for row in read_shards(folder) if row.logp and row.example.label in labels]
    if not known:
        return None
    found = describe_posterior(
        [row for row, _ in known], np.array([logp for _, logp in known], dtype=np.float64), labels, "raw"
    )
    return None if found is None else float(found["value"])
