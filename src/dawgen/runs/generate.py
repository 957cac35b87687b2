"""The generator's half of a job: tune a prefix, write candidates, keep exactly the requested number."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.config import DecodeConfig, GeneratorConfig, RunConfig, TunedKind
from dawgen.curation import Curator
from dawgen.curation.curator import Verdict
from dawgen.curation.filters import is_copy
from dawgen.data import RowFile, ShardStore, as_row
from dawgen.files import hash_file, stream_jsonl
from dawgen.generator.api.estimator import ApiGenerator
from dawgen.generator.estimator import Generator
from dawgen.generator.tune.tuner import count_steps
from dawgen.generator.write.quotas import Judged
from dawgen.models.load import Backbone
from dawgen.records import Example
from dawgen.report.cards.dataset import write_card
from dawgen.runs.folder import Job
from dawgen.runs.inputs import Inputs
from dawgen.scenes.fidelity import has_oracle, measure_fidelity
from dawgen.tasks import Task

if TYPE_CHECKING:
    from dawgen.curation.curator import Choose

FIDELITY_ROWS = 100  # candidates per label by which a generator kind is judged


@dataclass(frozen=True)
class Source:
    """What a generator learns from and how it writes.

    real: the few shots. first_texts: text1 of new pairs, None where the shots or the generator itself give it. note:
    where that is not what the settings say.
    """

    task: Task
    real: Sequence[Example]
    decode: DecodeConfig
    first_texts: Sequence[str] | None = None
    note: str | None = None


@dataclass(frozen=True)
class Order:
    """What a set shall be. per_label: rows that are kept of each label. generator: the folder of the generator's files,
    whose prefix the shards depend on."""

    per_label: int
    first_texts: Sequence[str] | None
    generator: Path

    def describe_shards(self, generator: Generator | ApiGenerator) -> dict[str, Any]:
        """Return what shards depend on: prefix or requests, seed, way of writing, first texts, and the quota that ends
        labels."""
        served = isinstance(generator, ApiGenerator)
        return {
            "prefix": generator.hash_requests() if served else hash_file(self.generator / "prefix.safetensors"),
            "seed": generator.seed,
            "decode": (generator.decode or DecodeConfig()).model_dump(mode="json"),
            "per_label": self.per_label,
            "first_texts": hashlib.sha256(json.dumps(self.first_texts).encode()).hexdigest(),
        }


def find_source(config: RunConfig, inputs: Inputs) -> Source:
    """Return what a job's generator learns and writes from; without given first texts the shots' serve."""
    decode, note = config.decode, None
    if inputs.task.pair and decode.first_texts == "given" and not inputs.first_texts:
        decode = decode.model_copy(update={"first_texts": "shots"})
        note = "no --unlabelled file: the few-shot texts serve as first texts"
    texts = inputs.first_texts if decode.first_texts == "given" else None
    return Source(inputs.task, inputs.train, decode, texts, note)


def tune_generator(backbone: Backbone, source: Source, config: GeneratorConfig, *, folder: Path, job: Job) -> Generator:
    """Return the tuned generator; one that is already in the folder is loaded, a killed tuning is resumed."""
    if (folder / "generator.json").is_file():
        job.reporter.say(f"generator ({config.kind}): found in {folder}, reused")
        return Generator.load(folder, model=backbone)
    settings = config.model_dump(exclude={"model"})
    generator = Generator(backbone, source.task, **settings, decode=source.decode, seed=job.seed)
    checkpoint = folder / "checkpoint.pt"
    folder.mkdir(parents=True, exist_ok=True)
    steps = 0 if config.kind == "untuned" else count_steps(config, len(source.task.labels))
    with job.stage(f"tuning the generator ({config.kind}, {steps} steps)", steps, f"tuning {config.kind}") as advance:

        def record(row: dict[str, Any]) -> None:
            job.log.write(row)
            advance()

        generator.fit(source.real, log=record, checkpoint=checkpoint)
    generator.save(folder)
    checkpoint.unlink(missing_ok=True)
    return generator


def generate_set(
    generator: Generator | ApiGenerator, order: Order, curator: Curator, *, folder: Path, job: Job
) -> tuple[RowFile, dict[str, Any]]:
    """Write synthetic/: raw shards, train.jsonl with exactly `per_label` kept of each label, dropped.jsonl and a card.

    Rows go to disk as they are judged. Returns the kept examples, which stay on disk, and the `synthetic` part of
    metrics.json. Raises ShortfallError; the shards then stay.
    """
    task, wanted = generator.task_, order.per_label
    if curator.choose is not None:
        order = replace(order, per_label=math.ceil(wanted * curator.config.over))
    store = ShardStore(folder / "raw", order.describe_shards(generator))
    total = order.per_label * len(task.labels)
    with job.stage(f"writing {total} synthetic examples", total, "writing") as advance:

        def record(row: dict[str, Any]) -> None:
            job.log.write(row)
            advance(sum(row["kept"].values()))

        judged = generator.stream(
            order.per_label, first_texts=order.first_texts, store=store, curator=curator, log=record
        )
        if curator.choose is not None:
            judged = choose_rows(judged, curator.choose, wanted)
        kept, copy_shares, reasons = write_set(folder, judged)
    generation = generator.generation_
    dropped = generation.reasons + Counter({name: reasons[name] for name in ("not_chosen",) if reasons[name]})
    numbers = {
        "requested": len(kept),
        "generated": generation.generated.total(),
        "kept": len(kept),
        "surplus": generation.surplus,
        "dropped": dict(dropped.most_common()),
        "copy_share_by_label": copy_shares if task.pair else {},
        "label_fidelity": measure_fidelity(task.name, kept)["label_fidelity"],
    }
    if curator.agreement:
        numbers["agreement"] = describe_agreement(curator.agreement)
    if isinstance(generator, ApiGenerator):
        numbers["server"] = generator.describe() | generator.spent_
    facts = {
        "task": task.name,
        "labels": dict.fromkeys(task.labels, wanted),
        "pair": task.pair,
        "generator": generator.describe(),
        "seed": generator.seed,
        "curate": curator.config.model_dump(mode="json"),
    }
    if generator.decode is not None:
        facts["decode"] = generator.decode.model_dump(mode="json")
    write_card(folder / "README.md", facts | numbers)
    return kept, numbers


def choose_rows(judged: Iterable[Judged], choose: Choose, per_label: int) -> Iterator[Judged]:
    """Yield what was judged, of the kept rows only those that are chosen; the others are dropped as not_chosen."""
    rows = list(judged)
    kept = [place for place, (_, verdict) in enumerate(rows) if verdict.kept]
    chosen = {kept[number] for number in choose([rows[place][0] for place in kept], per_label)}
    for place, (candidate, verdict) in enumerate(rows):
        spare = verdict.kept and place not in chosen
        yield candidate, Verdict(False, "not_chosen", verdict.score) if spare else verdict


def describe_agreement(counts: Mapping[tuple[bool, bool], int]) -> dict[str, int]:
    """Return of how many rows the generator's posterior and the judge said what.

    counts: by whether each would keep a row, the posterior first.
    """
    names = {(True, True): "both", (True, False): "posterior", (False, True): "judge", (False, False): "neither"}
    return {name: counts.get(key, 0) for key, name in names.items()}


def write_set(folder: Path, judged: Iterable[Judged]) -> tuple[RowFile, dict[str, float], Counter[str]]:
    """Write train.jsonl and dropped.jsonl row by row; both are there when all candidates are judged, or neither.

    Returns the kept examples, the share of copies per label before curation, and the number dropped per reason.
    """
    rows, copies, reasons = Counter[str](), Counter[str](), Counter[str]()
    with stream_jsonl(folder / "train.jsonl", folder / "dropped.jsonl") as (keep, drop):
        for candidate, verdict in judged:
            example = candidate.example
            rows[str(example.label)] += 1
            copies[str(example.label)] += is_copy(example)
            if verdict.kept:
                keep(as_row(example))
            else:
                reasons[str(verdict.reason)] += 1
                drop(as_row(example) | {"reason": verdict.reason, "score": verdict.score, "twin": verdict.twin})
    shares = {label: copies[label] / count for label, count in rows.items()}
    return RowFile(folder / "train.jsonl"), shares, reasons


def judge_kind(generator: Generator, first_texts: Sequence[str] | None, job: Job) -> dict[str, Any]:
    """Return the label fidelity of uncurated candidates of the generator, 100 per label; None without an oracle."""
    if not has_oracle(generator.task_.name):
        return {"label_fidelity": None, "ungrammatical": None}
    with job.stage(f"judging the generator ({generator.kind})", FIDELITY_ROWS, f"judging {generator.kind}"):
        candidates = generator.preview(FIDELITY_ROWS, first_texts=first_texts)
    return measure_fidelity(generator.task_.name, [candidate.example for candidate in candidates])


def compare_kinds(
    backbone: Backbone,
    source: Source,
    config: GeneratorConfig,
    kinds: Sequence[TunedKind],
    *,
    folder: Path,
    job: Job,
) -> dict[str, dict[str, Any]]:
    """Tune the generator in every kind and return its label fidelity before curation."""
    results: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        settings = config.model_copy(update={"kind": kind})
        generator = tune_generator(backbone, source, settings, folder=folder / kind, job=job)
        results[kind] = judge_kind(generator, source.first_texts, job)
    return results
