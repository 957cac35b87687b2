"""The target's half of a job: every method makes a classifier of the same target and is measured alike."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawgen.classifier.diagnose import find_collapse
from dawgen.classifier.held_out import FOLDS, name_checkpoint
from dawgen.classifier.metrics import measure, measure_chances
from dawgen.classifier.plan import plan_prompt
from dawgen.classifier.probe import Probe
from dawgen.classifier.rows import number_labels
from dawgen.config import RunConfig
from dawgen.errors import BundleError, DataError
from dawgen.files import read_json, write_json, write_text
from dawgen.methods.interface import Classifier, Given
from dawgen.methods.kept.probe import keep_probe
from dawgen.methods.spec import MethodSpec
from dawgen.methods.table import find_method
from dawgen.models.load import Backbone
from dawgen.prompt.bundle.format import load_bundle
from dawgen.prompt.label_words import resolve_label_words
from dawgen.records import Example
from dawgen.runs.folder import Job
from dawgen.runs.inputs import Inputs, first_rows
from dawgen.tasks import Task

FOLDS_OF = [name_checkpoint(Path("checkpoint.pt"), fold).stem for fold in range(FOLDS)]
CHECKPOINTS = ("checkpoint", "pretraining", "query", *FOLDS_OF)  # of a method's own training, and of others with it
DIGITS = 4  # of a log-probability in predicted.json, in nats


def check_methods(inputs: Inputs, synthetic: Sequence[Example] | None, config: RunConfig) -> None:
    """Raise ConfigError or DataError where one of the methods lacks what it needs, before anything is trained."""
    for method in config.methods:
        spec = find_method(method)
        given = _gather(spec, inputs, synthetic, config)
        if spec.check is not None:
            spec.check(given)


def plan_target(task: Task, backbone: Backbone, config: RunConfig) -> dict[str, str]:
    """Return the words of each label; what no prompt could be trained with, or no bundle could hold, is refused now,
    before a generator is tuned and a set written for it.

    Raises:
        ConfigError, BundleError: as `plan_prompt`.
    """
    if any(find_method(name).trains == ("prompt",) for name in config.methods):
        words = plan_prompt(backbone, task, config.target, schedule="real", seed=config.seed).scorer.words
    else:
        words = resolve_label_words(backbone.tokenizer, task.labels, task.label_words)
    return dict(zip(task.labels, words.words, strict=True))


def run_method(
    method: str,
    inputs: Inputs,
    synthetic: Sequence[Example] | None,
    backbone: Backbone,
    config: RunConfig,
    *,
    folder: Path,
    job: Job,
) -> dict[str, Any]:
    """Return the method's part of metrics.json; a finished method is read back, a killed prompt training is resumed.

    Without test rows the accuracy is None; with them predicted.json holds label numbers, and under "scores" label
    log-probabilities before any temperature. A trained prompt is saved in the folder as a bundle, a probe as
    `probe.json`. The backbone stays as it is, whatever the method trains.
    """
    done = folder / "metrics.json"
    if done.is_file():
        numbers = read_json(done, " Delete it; the method is then trained again.")
        _check_reused(done, numbers, inputs, prompt=find_method(method).trains == ("prompt",))
        job.reporter.say(f"{method}: found in {folder}, reused")
        return numbers
    begin = time.perf_counter()
    spec = find_method(method)
    given = replace(_gather(spec, inputs, synthetic, config), checkpoint=folder / f"{CHECKPOINTS[0]}.pt")
    classifier = _fit(spec, backbone, given, job)
    if spec.schedule is not None:
        classifier.save(folder)  # now: what was trained stays, whatever fails while it is measured
    if isinstance(classifier, Probe):
        keep_probe(folder, spec, backbone, given, classifier)
    numbers = {"accuracy": None, "macro_f1": None, "n_test": 0}
    if spec.schedule is not None:
        rows = {
            "n_real": len(given.real) if spec.schedule != "synthetic" else 0,
            "n_synthetic": len(given.synthetic or ()),
        }
        numbers |= rows | given.facts
    scores = classifier.score_labels(inputs.test) if inputs.test else None
    predicted = None if scores is None else [inputs.task.labels[number] for number in scores.argmax(1).tolist()]
    numbers |= _measure(inputs, scores, folder, classifier.temperature_)
    numbers["trainable"] = classifier.trainable_
    if spec.schedule is not None:
        if inputs.dev and spec.steps:
            ended = classifier.ended_
            looks = math.ceil((ended[0] if ended else config.target.steps) / config.target.eval_every)
            numbers |= {"dev_accuracy": classifier.dev_accuracy_, "n_dev": len(inputs.dev), "looks": looks}
            if ended:
                numbers["ended"] = {"step": ended[0], "why": ended[1]}
        if classifier.temperature_ is not None:
            numbers |= {"temperature": classifier.temperature_, "tempered": classifier.tempered_}
        classifier.save(folder, numbers)
        numbers["warnings"] = [f"{method}: {warning}" for warning in _warn(classifier, inputs, predicted, config)]
    for name in CHECKPOINTS:  # by name: the folder can be a user's own
        (folder / f"{name}.pt").unlink(missing_ok=True)
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


def _check_reused(done: Path, numbers: Mapping[str, Any], inputs: Inputs, *, prompt: bool) -> None:
    """Refuse a finished method whose files are damaged. prompt: whether it has left a bundle.

    Raises BundleError for its prompt, DataError for its numbers or predictions, naming the file.
    """
    advice = f"Delete {done}; the method is then trained again."
    if not {"accuracy", "n_test", "seconds"} <= numbers.keys():
        raise DataError(f"{done}: expected the numbers of a method, the file is damaged. {advice}")
    folder = done.parent
    if prompt:
        try:
            load_bundle(folder)
        except BundleError as error:
            raise BundleError(f"{error}\n{advice}") from error
    if numbers["n_test"]:
        path, labels = folder / "predicted.json", list(inputs.task.labels)
        found = read_json(path, f" {advice}")
        gold, predicted = [labels.index(str(row.label)) for row in inputs.test or ()], found.get("predicted")
        whole = found.get("gold") == gold and isinstance(predicted, list) and len(predicted) == len(gold)
        right = sum(a == b for a, b in zip(gold, predicted, strict=True)) if whole and predicted else 0
        if not whole or not math.isclose(right, numbers["accuracy"] * len(gold), abs_tol=0.1):
            raise DataError(f"{path}: it does not fit the accuracy in metrics.json. {advice}")


def _gather(spec: MethodSpec, inputs: Inputs, synthetic: Sequence[Example] | None, config: RunConfig) -> Given:
    """Return what the method works with. Raises DataError where it wants gold rows and there are none."""
    return Given(
        task=inputs.task,
        real=gold_rows(inputs, synthetic, config.per_label) if spec.gold else inputs.train,
        synthetic=synthetic if spec.synthetic else None,
        unlabelled=inputs.unlabelled,
        dev=inputs.dev,
        seed=config.seed,
        per_label=config.per_label,
        target=config.target,
        baselines=config.baselines,
        weigh=config.imbalance == "keep",
    )


def _fit(spec: MethodSpec, backbone: Backbone, given: Given, job: Job) -> Classifier:
    if not spec.steps:
        return spec.fit(backbone, given)
    if given.checkpoint is not None:
        given.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with job.reporter.stage(f"{spec.name} ({given.target.steps} steps)", given.target.steps) as advance:

        def record(row: dict[str, Any]) -> None:
            job.log.write({"method": spec.name, **row})
            if row["stage"] == "target":
                advance(row["step"])

        return spec.fit(backbone, replace(given, log=record))


def _warn(classifier: Classifier, inputs: Inputs, predicted: list[str] | None, config: RunConfig) -> list[str]:
    """Return the classifier's warnings and those of the test set."""
    warnings = list(classifier.warnings_)
    if inputs.test and (cut := classifier.count_cut(inputs.test)):
        warnings.append(f"cut: {cut} of {len(inputs.test)} test examples to {config.target.max_tokens} tokens")
    if inputs.test and predicted:
        warnings += find_collapse([str(row.label) for row in inputs.test], predicted, "test set")
    return warnings


def _measure(
    inputs: Inputs, scores: NDArray[np.float32] | None, folder: Path, temperature: float | None
) -> dict[str, Any]:
    """Return the numbers of label log-probabilities [N,K] on the test rows, and write these beside numbers of labels.

    temperature: of the classifier, None where it is a kind that has none.
    """
    if scores is None or not inputs.test:
        return {}
    labels = list(inputs.task.labels)
    gold, predicted = number_labels(inputs.test, labels, "test rows").tolist(), scores.argmax(1).tolist()
    rounded = [[round(value, DIGITS) for value in row] for row in scores.tolist()]
    write_text(folder / "predicted.json", json.dumps({"gold": gold, "predicted": predicted, "scores": rounded}) + "\n")
    numbers = measure([labels[number] for number in gold], [labels[number] for number in predicted], labels)
    found = {key: numbers[key] for key in ("accuracy", "macro_f1", "confusion")} | {"n_test": numbers["n"]}
    return found | measure_chances(scores, gold, temperature)
