"""The generator's half of a job: tune a prefix, write candidates, keep exactly as many as asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dawgen.backbones.load import Backbone
from dawgen.config import DecodeConfig, GeneratorConfig, GeneratorKind
from dawgen.curation import Curator, copy_stats
from dawgen.data import ShardStore
from dawgen.files import write_jsonl
from dawgen.generator.generate import Generation
from dawgen.generator.generator import Generator
from dawgen.pipeline.fidelity import has_oracle, measure_fidelity
from dawgen.pipeline.folder import Job
from dawgen.records import Example
from dawgen.report.cards import write_card
from dawgen.tasks import Task

FIDELITY_ROWS = 100  # candidates per label by which a generator kind is judged


def tune_generator(
    backbone: Backbone,
    task: Task,
    real: Sequence[Example],
    config: GeneratorConfig,
    decode: DecodeConfig,
    *,
    folder: Path,
    job: Job,
) -> Generator:
    """Return the tuned generator; one that is already in the folder is loaded, a killed tuning goes on."""
    if (folder / "generator.json").is_file():
        job.reporter.say(f"generator ({config.kind}): found in {folder}, reused")
        return Generator.load(folder, model=backbone)
    settings = config.model_dump(exclude={"model"})
    generator = Generator(backbone, task, **settings, decode=decode, seed=job.seed)
    checkpoint = folder / "checkpoint.pt"
    folder.mkdir(parents=True, exist_ok=True)
    steps = 0 if config.kind == "untuned" else config.steps
    with job.reporter.stage(f"tuning the generator ({config.kind}, {steps} steps)", steps) as advance:

        def record(row: dict[str, Any]) -> None:
            job.log.write(row)
            advance()

        generator.fit(real, log=record, checkpoint=checkpoint)
    generator.save(folder)
    checkpoint.unlink(missing_ok=True)
    return generator


def generate_set(
    generator: Generator,
    per_label: int,
    *,
    curator: Curator,
    first_texts: Sequence[str] | None,
    folder: Path,
    settings: dict[str, Any],
    job: Job,
) -> tuple[list[Example], dict[str, Any]]:
    """Write synthetic/: raw shards, train.jsonl with exactly `per_label` kept of each label, dropped.jsonl and a card.

    settings: all that the shards depend on. Returns the kept examples and the `synthetic` part of metrics.json.
    Raises ShortfallError; the shards then stay.
    """
    task = generator.task_
    store = ShardStore(folder / "raw", settings)
    total = per_label * len(task.labels)
    with job.reporter.stage(f"writing {total} synthetic examples", total) as advance:

        def record(row: dict[str, Any]) -> None:
            job.log.write(row)
            advance(sum(row["kept"].values()))

        kept = generator.generate(per_label, first_texts=first_texts, store=store, curator=curator, log=record)
    return kept, write_set(folder, task, kept, generator.generation_, generator)


def write_set(
    folder: Path, task: Task, kept: Sequence[Example], generation: Generation, generator: Generator
) -> dict[str, Any]:
    """Write the files of a synthetic set and return its numbers."""
    dropped = Counter(verdict.reason for _, verdict in generation.dropped)
    write_jsonl(folder / "train.jsonl", [row_of(example) for example in kept])
    rows = [
        row_of(candidate.example) | {"reason": verdict.reason, "score": verdict.score, "twin": verdict.twin}
        for candidate, verdict in generation.dropped
    ]
    write_jsonl(folder / "dropped.jsonl", rows)
    judged = [*kept, *(candidate.example for candidate, _ in generation.dropped)]
    numbers = {
        "requested": len(kept),
        "generated": sum(generation.generated.values()),
        "kept": len(kept),
        "surplus": generation.surplus,
        "dropped": dict(dropped.most_common()),
        "copy_share_by_label": copy_stats(judged) if task.pair else {},  # before curation
        "label_fidelity": measure_fidelity(task.name, kept)["label_fidelity"],
    }
    backbone = generator.backbone_
    facts = {
        "task": task.name,
        "labels": dict(Counter(row.label for row in kept)),
        "pair": task.pair,
        "generator": {"model": backbone.name, "revision": backbone.revision, "kind": generator.kind},
        "seed": generator.seed,
    }
    write_card(folder / "README.md", facts | numbers)
    return numbers


def row_of(example: Example) -> dict[str, Any]:
    """Return the example as a row of a synthetic set; single texts have no text2."""
    pair = {} if example.text2 is None else {"text2": example.text2}
    return {"text1": example.text1, **pair, "label": example.label}


def judge_kind(generator: Generator, first_texts: Sequence[str] | None) -> dict[str, Any]:
    """Return the label fidelity of uncurated candidates of the generator, 100 per label; None without an oracle."""
    if not has_oracle(generator.task_.name):
        return {"label_fidelity": None, "ungrammatical": None}
    candidates = generator.preview(FIDELITY_ROWS, first_texts=first_texts)
    return measure_fidelity(generator.task_.name, [candidate.example for candidate in candidates])


def compare_kinds(
    backbone: Backbone,
    task: Task,
    real: Sequence[Example],
    config: GeneratorConfig,
    kinds: Sequence[GeneratorKind],
    decode: DecodeConfig,
    first_texts: Sequence[str] | None,
    *,
    folder: Path,
    job: Job,
) -> dict[str, dict[str, Any]]:
    """Tune the generator in every kind and return its label fidelity before curation."""
    results: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        generator = tune_generator(
            backbone,
            task,
            real,
            config.model_copy(update={"kind": kind}),
            decode,
            folder=folder / kind,
            job=job,
        )
        results[kind] = judge_kind(generator, first_texts)
    return results
