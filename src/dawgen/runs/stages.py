"""The stages of a job one at a time, for the verbs of the command line; they talk through files."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.metrics import measure, measure_chances
from dawgen.classifier.rows import number_labels
from dawgen.columns import Columns
from dawgen.config import CurateConfig, RunConfig
from dawgen.curation import Curator
from dawgen.data import clear_shards, find_set, iterate_rows, read, read_shards
from dawgen.errors import ConfigError
from dawgen.files import write_json
from dawgen.generator.api.answers import ANSWERS
from dawgen.generator.api.estimator import ApiGenerator
from dawgen.generator.api.saved import is_served
from dawgen.generator.estimator import Generator
from dawgen.generator.write.quotas import Judged
from dawgen.methods.table import find_method
from dawgen.models.load import load_generator, load_target
from dawgen.outputs import hold
from dawgen.progress import Reporter
from dawgen.records import Candidate, Example
from dawgen.report.cards.dataset import write_card
from dawgen.runs.curating import open_curator
from dawgen.runs.finished import describe_generator, find_generator
from dawgen.runs.folder import LOG, Job, StepLog, is_log
from dawgen.runs.generate import (
    Order,
    choose_rows,
    describe_agreement,
    find_source,
    generate_set,
    tune_generator,
    write_set,
)
from dawgen.runs.inputs import list_sources, load_inputs
from dawgen.runs.methods import CHECKPOINTS, run_method
from dawgen.runs.served import check_server, open_served
from dawgen.runs.settings import read_assignments
from dawgen.runs.threads import settle_threads
from dawgen.runtime import pick_device
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task

# The files of each stage.
GENERATOR = ("generator.json", "prefix.safetensors", "checkpoint.pt")
SET = ("train.jsonl", "dropped.jsonl", "README.md")
BUNDLE = ("bundle.json", "prompt.safetensors", "metrics.json", "predicted.json", *(f"{one}.pt" for one in CHECKPOINTS))

_NOTHING = Example("")
BARE = CurateConfig(posterior=False, near_copy=False)  # what `generate` can judge without real examples


def tune_stage(config: RunConfig, out: Path) -> None:
    """Tune a generator on the shots of the training file and save it in `out`; a killed tuning is resumed."""
    if (out / "generator.json").is_file():
        raise ConfigError(f"{out}: expected a new folder, found a tuned generator. Choose another --out.")
    with hold(out, "tune", (*GENERATOR, LOG), list_sources(config), knows=is_log):
        inputs = load_inputs(config)
        Reporter().announce(inputs.notes, inputs.warnings)
        check_server(config)
        if config.generator.kind == "api":
            source = find_source(config, inputs)
            open_served(source, config.generator, folder=out, answers=out, job=_make_job(config.seed, out))
            return
        backbone = load_generator(config.generator.model, dtype=config.generator.dtype, device=pick_device())
        settle_threads(config.threads, backbone, out, Reporter().say)
        source = find_source(config, inputs)
        tune_generator(backbone, source, config.generator, folder=out, job=_make_job(config.seed, out))


def preview_stage(
    folder: Path, per_label: int, first_texts: str | None, threads: int | None, free: Sequence[str] = ()
) -> Iterator[str]:
    """Yield a line per generated example, label by label. free: see `generate_stage`."""
    generator, texts = _load_generator(folder, first_texts, threads, free)
    candidates = generator.preview(per_label, first_texts=texts)
    for label in generator.task_.labels:
        yield f"[{label}]"
        for candidate in candidates:
            if candidate.example.label == label:
                cut = "" if candidate.finished else "  (cut at the token limit)"
                parts = [candidate.example.text1, candidate.example.text2]
                yield "  " + " => ".join(part for part in parts if part is not None) + cut


def generate_stage(
    folder: Path,
    per_label: int,
    out: Path,
    first_texts: str | None,
    threads: int | None,
    *,
    fresh: bool,
    free: Sequence[str] = (),
) -> dict[str, Any]:
    """Write a synthetic set; only what needs no real examples is curated. Returns its numbers.

    free: assignments such as "generator.budget_tokens=100000", of what changes no row of a generator behind an API.
    """
    sources = [*(folder / name for name in GENERATOR), first_texts]
    with hold(out, "generate", (*SET, ANSWERS, LOG), sources, knows=is_log):
        generator, texts = _load_generator(folder, first_texts, threads, free, out)
        if fresh:
            clear_shards(out / "raw")
            (out / ANSWERS).unlink(missing_ok=True)
        _, numbers = generate_set(
            generator,
            Order(per_label, texts, folder),
            Curator((), generator.task_.labels, BARE),
            folder=out,
            job=_make_job(generator.seed, out),
        )
        return numbers


def curate_stage(config: RunConfig, source: Path, out: Path) -> dict[str, Any]:
    """Curate a set against the real examples of `config.train`; returns its numbers."""
    found = find_set(source)
    with hold(out, "curate", (*SET, "curation.json"), [found, Path(found).parent / "raw", *list_sources(config)]):
        return _curate(config, source, out)


def _curate(config: RunConfig, source: Path, out: Path) -> dict[str, Any]:
    task = Task.load(config.task) if config.task else None
    real = read(str(config.train), task=task, columns=config.columns)
    task = task or Task.from_examples(real)
    held: dict[str, Any] = {
        name: read(path, task=task, columns=config.columns) if path else []
        for name, path in (("dev", config.dev), ("test", config.test))
    }
    curator = open_curator(
        config,
        real,
        task.labels,
        **held,
        load=lambda: load_target(config.target.model, dtype=config.target.dtype, device=pick_device()),
        say=Reporter().say,
    )
    candidates = _read_candidates(source, task, config.synthetic_columns)
    judged: Iterable[Judged] = ((row, curator.judge([row])[0]) for row in candidates)
    if curator.choose is not None:
        judged = list(judged)
        passed = Counter(row.example.label for row, verdict in judged if verdict.kept)
        fewest = min(passed.values(), default=0)  # of a label that has any
        judged = choose_rows(judged, curator.choose, math.ceil(fewest / config.curate.over))
    kept, copy_shares, reasons = write_set(out, judged)
    by_name = {name: kept.labels.count(number) for number, name in enumerate(kept.names)}
    numbers = {
        "generated": len(kept) + reasons.total(),
        "kept": len(kept),
        "dropped": dict(reasons.most_common()),
        "copy_share_by_label": copy_shares,
        "kept_by_label": {label: by_name.get(label, 0) for label in task.labels},
        "label_fidelity": measure_fidelity(task.name, kept)["label_fidelity"],
    }
    if curator.agreement:
        numbers["agreement"] = describe_agreement(curator.agreement)
    generator = find_generator(source) if source.is_dir() else None
    made = {"task": task.name, "curate": config.curate.model_dump(mode="json")}
    made |= describe_generator(generator) if generator else {}
    write_json(out / "curation.json", numbers | made)
    write_card(out / "README.md", {"pair": task.pair, "labels": numbers["kept_by_label"]} | made | numbers)
    return numbers


def train_stage(config: RunConfig, out: Path) -> list[str]:
    """Train one prompt and save it as a bundle in `out`; returns its warnings."""
    method = config.methods[0]
    spec = find_method(method)
    if spec.trains != ("prompt",):
        trained = f"trains the target's {spec.trains[0]}" if spec.trains else "trains nothing"
        trained = "trains an encoder" if "encoder" in spec.trains else "fits a probe" if spec.probe else trained
        raise ConfigError(
            f"--method {method}: expected a method that trains a prompt; this one {trained}. `dawgen run` measures it."
        )
    if spec.synthetic and config.synthetic is None:
        raise ConfigError(f"--method {method}: expected --synthetic SET, found none. `dawgen generate` writes one.")
    if (out / "metrics.json").is_file():
        raise ConfigError(f"{out}: expected a new folder, found a trained bundle. Choose another --out.")
    with hold(out, "train", (*BUNDLE, LOG), list_sources(config), knows=is_log):
        inputs = load_inputs(config)
        Reporter().announce(inputs.notes, inputs.warnings)
        target = load_target(config.target.model, dtype=config.target.dtype, device=pick_device())
        settle_threads(config.threads, target, out, Reporter().say)
        job = _make_job(config.seed, out)
        numbers = run_method(method, inputs, inputs.synthetic, target, config, folder=out, job=job)
        return [*inputs.warnings, *numbers["warnings"]]


def evaluate_stage(folder: Path, test: str, columns: Mapping[str, Any] | None, threads: int | None) -> dict[str, Any]:
    """Return accuracy, macro-F1, confusion, the number of rows and how far the probabilities are right, of a bundle on
    labelled examples: `measure` and `measure_chances`."""
    classifier = PromptClassifier.load(folder, device=pick_device())
    settle_threads(threads, classifier.backbone_)
    examples = read(test, task=classifier.task_, columns=columns)
    labels, scores = classifier.task_.labels, classifier.score_labels(examples)
    truth, predicted = number_labels(examples, labels, "test rows").tolist(), scores.argmax(1).tolist()
    numbers = measure([labels[number] for number in truth], [labels[number] for number in predicted], labels)
    return numbers | measure_chances(scores, truth, classifier.temperature_)


def _load_generator(
    folder: Path, first_texts: str | None, threads: int | None, free: Sequence[str], out: Path | None = None
) -> tuple[Generator | ApiGenerator, list[str] | None]:
    generator: Generator | ApiGenerator
    given = read_assignments(free)
    if is_served(folder):
        if unknown := sorted(set(given) - {"generator"}):
            raise ConfigError(f"--set {unknown[0]}: expected a setting of the server, such as generator.budget_tokens.")
        generator = ApiGenerator.load(folder, free=given.get("generator"), answers=out)
    else:
        if given:
            raise ConfigError(f"--set: {folder} holds a tuned generator, whose settings are those of its tuning.")
        generator = Generator.load(folder)
        settle_threads(threads, generator.backbone_, *(() if out is None else (out, Reporter().say)))
    if not generator.task_.pair or first_texts is None:
        return generator, None
    return generator, [example.text1 for example in read(first_texts, need_label=False)]


def _read_candidates(source: Path, task: Task, columns: Columns) -> Iterator[Candidate]:
    """Yield a set's rows with the generator's scores where its raw shards lie beside it."""
    known: dict[bytes, Candidate] = {}  # a hash of the row -> its candidate without the texts
    for candidate in read_shards(Path(find_set(source)).parent / "raw"):
        known.setdefault(_hash_row(candidate.example), replace(candidate, example=_NOTHING))
    for row in iterate_rows(find_set(source), task=task, columns=columns):
        found = known.get(_hash_row(row.example))
        yield replace(found, example=row.example) if found else Candidate(row.example)


def _hash_row(example: Example) -> bytes:
    return hashlib.blake2b(repr((example.text1, example.text2, example.label)).encode(), digest_size=16).digest()


def _make_job(seed: int, out: Path) -> Job:
    return Job(seed, StepLog(out / "log.jsonl"), Reporter())
