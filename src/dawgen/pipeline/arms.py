"""The target's half of a job: every method trains its prompt on the same frozen target and is measured alike."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dawgen.backbones.load import Backbone
from dawgen.baselines.in_context import predict_in_context
from dawgen.baselines.zero_shot import predict_zero_shot
from dawgen.config import Method, RunConfig
from dawgen.errors import DataError
from dawgen.files import write_json
from dawgen.pipeline.folder import Job
from dawgen.pipeline.inputs import Inputs, first_rows
from dawgen.records import Example
from dawgen.target.classifier import PromptClassifier
from dawgen.target.diagnose import find_collapse
from dawgen.target.methods import METHODS
from dawgen.target.metrics import measure


def run_method(
    method: Method,
    inputs: Inputs,
    synthetic: Sequence[Example] | None,
    backbone: Backbone,
    config: RunConfig,
    *,
    folder: Path,
    job: Job,
) -> dict[str, Any]:
    """Return the method's part of metrics.json; a finished method is read back, a killed training goes on.

    Without test rows the accuracy is None. A trained prompt is saved in the folder as a bundle.
    """
    done = folder / "metrics.json"
    if done.is_file():
        job.reporter.say(f"{method}: found in {folder}, reused")
        found: dict[str, Any] = json.loads(done.read_bytes())
        return found
    begin = time.perf_counter()
    numbers: dict[str, Any] = {"accuracy": None, "macro_f1": None, "n_test": 0}
    spec = METHODS[method]
    if spec.schedule is None:
        numbers |= _measure(inputs, _predict_untrained(method, inputs, backbone, config))
    else:
        real = gold_rows(inputs, synthetic, config.per_label) if spec.gold else inputs.train
        data = synthetic if spec.synthetic else None
        numbers |= {"n_real": len(real) if spec.schedule != "synthetic" else 0, "n_synthetic": len(data or ())}
        classifier = _train(method, real, data, inputs, backbone, config, folder, job)
        predicted = classifier.predict(inputs.test).tolist() if inputs.test else None
        numbers |= _measure(inputs, predicted)
        classifier.save(folder, numbers)
        warnings = list(classifier.warnings_)
        if inputs.test and (cut := classifier.count_cut(inputs.test)):
            warnings.append(f"cut: {cut} of {len(inputs.test)} test examples to {config.target.max_tokens} tokens")
        if inputs.test and predicted:
            warnings += find_collapse([str(row.label) for row in inputs.test], predicted, "test set")
        numbers["warnings"] = [f"{method}: {warning}" for warning in warnings]
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    numbers["seconds"] = round(time.perf_counter() - begin, 1)
    write_json(done, numbers)
    return numbers


def gold_rows(inputs: Inputs, synthetic: Sequence[Example] | None, per_label: int) -> list[Example]:
    """Return as many gold rows per label as there are synthetic ones, the few shots among them, or all there are.

    Raises DataError where the data hold no labelled rows beside the few shots.
    """
    wanted = len(synthetic) // len(inputs.task.labels) if synthetic else per_label
    if {row.label for row in inputs.gold} != set(inputs.task.labels):
        raise DataError(
            "method gold: expected labelled rows beside the few shots, found none of some label; leave gold out."
        )
    return first_rows([*inputs.train, *inputs.gold], inputs.task.labels, wanted)


def _train(
    method: Method,
    real: Sequence[Example],
    synthetic: Sequence[Example] | None,
    inputs: Inputs,
    backbone: Backbone,
    config: RunConfig,
    folder: Path,
    job: Job,
) -> PromptClassifier:
    spec = METHODS[method]
    settings = config.target.model_dump(exclude={"model"}) | {"schedule": spec.schedule, "seed": config.seed}
    if spec.surgery is not None:
        settings["surgery"] = spec.surgery
    classifier = PromptClassifier(backbone, inputs.task, **settings)
    with job.reporter.stage(f"{method} ({config.target.steps} steps)", config.target.steps) as advance:

        def record(row: dict[str, Any]) -> None:
            job.log.write({"method": method, **row})
            advance(row["step"])

        checkpoint = folder / "checkpoint.pt"
        folder.mkdir(parents=True, exist_ok=True)
        classifier.fit(real, synthetic, dev=inputs.dev, log=record, checkpoint=checkpoint)
    return classifier


def _predict_untrained(method: Method, inputs: Inputs, backbone: Backbone, config: RunConfig) -> list[str] | None:
    if not inputs.test:
        return None
    if method == "zero_shot":
        scores = predict_zero_shot(backbone, inputs.task, inputs.test, config.target)
    else:
        scores = predict_in_context(
            backbone, inputs.task, inputs.train, inputs.test, seed=config.seed, config=config.target
        )
    return [inputs.task.labels[best] for best in scores.argmax(1)]


def _measure(inputs: Inputs, predicted: Sequence[str] | None) -> dict[str, Any]:
    if predicted is None or not inputs.test:
        return {}
    numbers = measure([str(example.label) for example in inputs.test], predicted, inputs.task.labels)
    return {key: numbers[key] for key in ("accuracy", "macro_f1", "confusion")} | {"n_test": numbers["n"]}
