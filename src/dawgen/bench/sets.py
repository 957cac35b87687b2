"""Set cells: a generator tuned on the few shots, and the set that it writes; the same files as a run's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.bench.cells import cached_generator, describe_set, hash_facts, hash_weights, quiet_job
from dawgen.config import CurateConfig, RunConfig
from dawgen.curation import Curator
from dawgen.curation.curator import Verdict
from dawgen.curation.likely import select_likely
from dawgen.data import RowFile, ShardStore
from dawgen.generator.api.estimator import ApiGenerator
from dawgen.generator.estimator import Generator
from dawgen.generator.write.quotas import Judged
from dawgen.records import Example
from dawgen.runs.curating import open_curator
from dawgen.runs.folder import Job
from dawgen.runs.generate import Order, Source, find_source, generate_set, tune_generator, write_set
from dawgen.runs.inputs import Inputs, load_inputs
from dawgen.runs.served import open_served
from dawgen.scenes.fidelity import measure_fidelity

if TYPE_CHECKING:
    from dawgen.engine.storage import Store

SAMPLES = 3  # rows of each label that a set's numbers show
SURPLUS = 2  # candidates per row where the likeliest are chosen (zero_generation)
# What is no text of its own right: empty and unfinished ones, copies, repetitions, and test rows.
SOUND = CurateConfig(near_duplicate=1.0, near_copy=False, echo=1.0, posterior=False)


@dataclass
class SetCell:
    """A synthetic set to write.

    config: the settings, without `synthetic`. likeliest: choose the likeliest texts of an untuned generator.
    """

    config: RunConfig
    likeliest: bool = False

    folder = "sets"
    needs: tuple[str, ...] = ()
    effort = 1.0

    @property
    def place(self) -> str:
        """The name of the cell's own folder inside the store."""
        return f"{self.folder}/{self.key}"

    @property
    def file(self) -> str:
        """The name of the cell's numbers inside the store."""
        return f"{self.place}.json"

    @cached_property
    def key(self) -> str:
        """The hash that names the cell's files: settings, contents of files, the generator; not the machine."""
        generator = self.config.generator
        facts = {
            "config": describe_set(self.config),
            "likeliest": self.likeliest,
            "model": generator.model if generator.kind == "api" else hash_weights(generator.model),
            # What only prompts have; names of sets that are there already were made with it.
            "method": None,
            "source": None,
            "take": None,
            "prompts": [],
            "test_rows": None,
        }
        return hash_facts(facts)

    def is_done(self, store: Store) -> bool:
        """Return whether the cell's numbers are there."""
        return store.exists(self.file)

    def run(self, store: Store) -> dict[str, Any]:
        """Write the set and return its numbers; `run_work` writes them."""
        return make_set(self, store)


@dataclass(frozen=True)
class Desk:
    """All that writes a set: the data, the generator, and how many candidates of each label it writes."""

    inputs: Inputs
    generator: Generator | ApiGenerator
    order: Order
    job: Job


def open_desk(cell: SetCell, folder: Path) -> Desk:
    """Tune the cell's generator in the folder of its set, or load it from there; one behind an API is asked."""
    config, inputs = cell.config, load_inputs(cell.config)
    job = quiet_job(config.seed, folder)
    source = _find_source(cell, inputs)
    place = folder / "generator"
    generator: Generator | ApiGenerator
    if config.generator.kind == "api":
        generator = open_served(source, config.generator, folder=place, answers=folder, job=job)
    else:
        base = cached_generator(config.generator.model, config.generator.dtype)
        generator = tune_generator(base, source, config.generator, folder=place, job=job)
    quota = config.per_label * (SURPLUS if cell.likeliest else 1)
    return Desk(inputs, generator, Order(quota, source.first_texts, place), job)


def make_set(cell: SetCell, store: Store) -> dict[str, Any]:
    """Write sets/KEY/ with train.jsonl and dropped.jsonl; returns label fidelity (None without an oracle), what was
    dropped, warnings, and samples of every label."""
    with store.workspace(cell.place) as folder:
        desk = open_desk(cell, folder)
        kept, numbers = write_likeliest(cell, desk, folder) if cell.likeliest else write_curated(cell, desk, folder)
        return {
            **numbers,
            "rows": len(kept),
            "files": {"train.jsonl": kept.sha256},
            "per_label": cell.config.per_label,
            "fidelity": measure_fidelity(desk.inputs.task.name, kept)["label_fidelity"],
            "warnings": [*desk.generator.warnings_, *_warn_unjudged(cell, desk.generator)],
            "samples": list(_show_first(kept, desk.inputs.task.labels)),
            "times": desk.job.seconds,
        }


def write_curated(cell: SetCell, desk: Desk, folder: Path) -> tuple[RowFile, dict[str, Any]]:
    """Write the set as a run does, curated by the few shots."""
    curator = find_curator(cell, desk.inputs)
    return generate_set(desk.generator, desk.order, curator, folder=folder, job=desk.job)


def write_likeliest(cell: SetCell, desk: Desk, folder: Path) -> tuple[RowFile, dict[str, Any]]:
    """Write the likeliest of twice as many sound texts (SuperGen); no real row is looked at."""
    inputs, order, per_label = desk.inputs, desk.order, cell.config.per_label
    sound = find_curator(cell, inputs)
    with desk.job.stage("writing", order.per_label, "writing"):
        shards = ShardStore(folder / "raw", order.describe_shards(desk.generator))
        stream = desk.generator.stream(order.per_label, first_texts=order.first_texts, store=shards, curator=sound)
        judged = list(stream)
    passed = [candidate for candidate, verdict in judged if verdict.kept]
    chosen = select_likely(passed, inputs.task.labels, per_label)
    kept, _, reasons = write_set(folder, _drop_unlikely(judged, set(chosen)))
    return kept, {"generated": len(judged), "kept": len(kept), "dropped": dict(reasons.most_common())}


def find_curator(cell: SetCell, inputs: Inputs) -> Curator:
    """Return the judge of a set's candidates; where the likeliest are chosen it looks at no real row."""
    labels, dev, test = inputs.task.labels, inputs.dev or (), inputs.test or ()
    if cell.likeliest:
        return Curator((), labels, SOUND, dev=dev, test=test)
    return open_curator(cell.config, inputs.train, labels, dev=dev, test=test)


def _warn_unjudged(cell: SetCell, generator: Generator | ApiGenerator) -> Iterator[str]:
    """Yield that nothing looks at labels, where neither a server scores texts nor a judge is named.

    A run would have its target judge; a grid's sets serve all its targets.
    """
    curate = cell.config.curate
    if isinstance(generator, ApiGenerator) and curate.posterior and curate.judge is None and not generator.scores_:
        yield (
            "posterior filter: the server gives no log-probabilities of a given text, so that labels are not checked; "
            "curate.judge names a sentence encoder that does"
        )


def _find_source(cell: SetCell, inputs: Inputs) -> Source:
    """Return what the set is written from; without real data first texts are written too, where none are given."""
    source = find_source(cell.config, inputs)
    if cell.likeliest and source.decode.first_texts == "shots":
        return replace(source, decode=source.decode.model_copy(update={"first_texts": "written"}))
    return source


def _drop_unlikely(judged: Iterable[Judged], chosen: set[Example]) -> Iterator[Judged]:
    for candidate, verdict in judged:
        unlikely = verdict.kept and candidate.example not in chosen
        yield candidate, Verdict(False, "unlikely") if unlikely else verdict  # type: ignore[arg-type]  # no filter's reason


def _show_first(rows: Iterable[Example], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    seen = Counter[str]()
    for row in rows:
        seen[str(row.label)] += 1
        if seen[str(row.label)] <= SAMPLES:
            yield {"text1": row.text1, "text2": row.text2, "label": row.label}
        if len(seen) == len(labels) and min(seen.values()) >= SAMPLES:
            return
