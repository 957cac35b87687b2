"""What lifts dawgen beyond the printed method: one change at a time, against the default on the same seeds.

python -m experiments.studies.variants --out runs/variants --task scenes-paraphrase --seeds 1 2 3 4 5 --target mini-t5

For each seed one generator is tuned and writes one pool of candidates, from which every way takes its rows; every way
trains for the same number of steps unless its note says otherwise. Cells that are in the folder are not run again.
Other data: --train FILE --test FILE [--dev FILE] [--unlabelled FILE] with the task's labels.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np

from dawgen.bench.cells import cached_target, hash_facts, hash_weights
from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import CurateConfig, RunConfig
from dawgen.data import read_shards
from dawgen.engine.storage import Store
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.runs.inputs import load_inputs
from dawgen.runs.settings import resolve_config
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.stats import compare, describe
from experiments.studies.cells import OLD, add_options, run_cells, tabulate
from experiments.studies.variant_rows import Material
from experiments.studies.variant_ways import BASE, WAYS, Fitted, Way, clear_parts, find_way

OPEN = CurateConfig(near_duplicate=1.0, near_copy=False, echo=1.0, posterior=False)  # what may count towards a pool
HEADER = (
    "variant",
    "rows per label",
    "label fidelity",
    "accuracy",
    "by seed",
    f"minus {BASE} (seeds won)",
    "dev accuracy",
    "training time",
    "whole job",
)


@dataclass
class Variant(PromptCell):
    """A way on one seed. source: the pool's set. test_rows: measure on so many drawn test rows (None: all)."""

    way: str = BASE
    test_rows: int | None = None

    @property
    def folder(self) -> str:
        """Where the cell's numbers lie inside the experiment's folder."""
        return "variants"

    @property
    def effort(self) -> float:
        """How many times the base's seconds the cell takes."""
        return find_way(self.way).effort

    @cached_property
    def key(self) -> str:
        """Return the hash that names the cell's file: settings, models, pool and way."""
        config = self.config.model_dump(mode="json", exclude={"methods", "threads"})
        models = [hash_weights(self.config.target.model), hash_weights(self.config.generator.model)]
        return hash_facts([config, models, self.source, find_way(self.way).facts, self.test_rows])

    def run(self, store: Store) -> dict[str, Any]:
        """Choose the rows, train and measure; `train_cpu` has the seconds of the first two."""
        assert self.source is not None
        out = store.fetch("")
        inputs, way, folder = load_inputs(self.config), find_way(self.way), out / self.place
        config = self.config.model_copy(update={"target": self.config.target.model_copy(update=dict(way.settings))})
        whole = [c for c in read_shards((out / self.source).parent / "raw") if c.finished]
        material = Material(inputs, cached_target(config.target.model), config, whole, folder)
        begin = time.process_time()
        rows, used = way.choose(material)
        fitted = way.train(material, rows)
        seconds = time.process_time() - begin
        clear_parts(folder)
        labels, test = inputs.task.labels, draw_rows(inputs.test or [], self.test_rows, self.config.seed)
        return {
            "way": self.way,
            "accuracy": measure(fitted, test, labels),
            "dev_accuracy": measure(fitted, inputs.dev or [], labels),
            "n_test": len(test),
            "label_fidelity": measure_fidelity(inputs.task.name, fitted.rows)["label_fidelity"],
            "rows": {label: sum(row.label == label for row in fitted.rows) for label in labels},
            "pool_share": used / len(whole) if whole else 0.0,
            "train_cpu": round(seconds, 2),
            "best_steps": [prompt.best_step_ for prompt in fitted.prompts],
        }


def measure(fitted: Fitted, rows: Sequence[Example], labels: Sequence[str]) -> float | None:
    """Return the accuracy of the averaged log-probabilities; None without rows."""
    if not rows:
        return None
    scores = np.mean([prompt.scorer_.score_examples(rows, prompt.prompt_) for prompt in fitted.prompts], axis=0)
    truth = np.array([labels.index(str(row.label)) for row in rows])
    return float(np.mean(scores.argmax(1) == truth))


def draw_rows(rows: list[Example], count: int | None, seed: int) -> list[Example]:
    """Return `count` of the rows, drawn for the seed, or all of them."""
    if count is None or count >= len(rows):
        return rows
    return python_rng(seed, "variants/test rows").sample(rows, count)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells that are missing, then print the table."""
    options = parse(arguments)
    configs = {seed: make_config(options, seed) for seed in options.seeds}
    ways = list(dict.fromkeys([BASE, *options.ways]))
    sources = {
        (way, seed): make_source(options, config, find_way(way)) for way in ways for seed, config in configs.items()
    }
    made = run_cells(sources.values(), options.out, jobs=options.jobs)
    variants = {
        (way, seed): Variant(configs[seed], "dawgen", f"{cell.place}/train.jsonl", way=way, test_rows=options.test_rows)
        for (way, seed), cell in sources.items()
        if "error" not in made[cell.key]
    }
    found = run_cells(variants.values(), options.out, jobs=options.jobs)
    numbers = {
        key: found[cell.key] | {"job_cpu": find_job_time(found[cell.key], made[sources[key].key])}
        for key, cell in variants.items()
        if "error" not in found[cell.key]
    }
    print(render(numbers, ways, options.seeds))
    print(explain(ways))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--task", default="scenes-paraphrase")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--target", default="mini-t5")
    parser.add_argument(
        "--ways", nargs="+", default=list(WAYS), metavar="WAY", help="also several as one: select+smoothing"
    )
    parser.add_argument("--per-label", type=int, default=300, help="synthetic rows of each label that a way takes")
    parser.add_argument("--pool", type=int, default=900, help="candidates of each label to choose from")
    for name in ("train", "dev", "test", "unlabelled"):
        parser.add_argument(f"--{name}", help="a file; without --train a scenes task draws its own data")
    parser.add_argument("--test-rows", type=int, help="measure on so many test rows, drawn for each seed")
    parser.add_argument("--conflicts", choices=["refuse", "drop"])
    parser.add_argument("--leaks", choices=["refuse", "drop"])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="other settings for all ways")
    options = parser.parse_args(arguments)
    for way in options.ways:
        try:
            find_way(way)
        except ValueError as error:
            parser.error(str(error))
    return options


def make_config(options: argparse.Namespace, seed: int) -> RunConfig:
    """Return the settings of the base on one seed."""
    names = ("task", "train", "dev", "test", "unlabelled", "conflicts", "leaks", "per_label")
    given = {name: getattr(options, name) for name in names}
    return resolve_config(
        arguments=given | {"seed": seed, "methods": ["dawgen"], "target": {"model": options.target, **OLD}},
        assignments=options.set,
    )


def make_source(options: argparse.Namespace, config: RunConfig, way: Way) -> SetCell:
    """Return the cell that writes a way's candidates: a pool, or where the way writes its own and does not choose among
    them, a set as a job writes it."""
    if way.contrast is not None:
        config = config.model_copy(update={"decode": config.decode.model_copy(update={"contrast": way.contrast})})
        if way.choose is WAYS[BASE].choose:
            return SetCell(config)
    return SetCell(config.model_copy(update={"per_label": options.pool, "curate": OPEN}))


def find_job_time(variant: Mapping[str, Any], source: Mapping[str, Any]) -> float:
    """Return the seconds of a whole job: tuning, writing the candidates that the way looked at, and training."""
    tuning, writing = (
        sum(v for name, v in source["times"].items() if name.startswith(part)) for part in ("tuning", "writing")
    )
    pace = source.get("cpu_seconds", source["seconds"]) / source["seconds"]  # a busy machine's clock runs on
    return float(pace * (tuning + writing * variant["pool_share"]) + variant["train_cpu"])


def render(numbers: Mapping[tuple[str, int], Mapping[str, Any]], ways: Sequence[str], seeds: Sequence[int]) -> str:
    """Return the table; times are relative to the base's on the same seeds."""

    def column(way: str, name: str) -> dict[int, float]:
        found = {seed: numbers[way, seed].get(name) for seed in seeds if (way, seed) in numbers}
        return {seed: float(value) for seed, value in found.items() if value is not None}

    def ratio(way: str, name: str) -> str:
        own, base = column(way, name), column(BASE, name)
        both = [seed for seed in own if seed in base]
        return f"{fmean(own[seed] for seed in both) / fmean(base[seed] for seed in both):.2f}" if both else "-"

    table = []
    for way in ways:
        accuracy = column(way, "accuracy")
        rows = [count for seed in seeds if (way, seed) in numbers for count in numbers[way, seed]["rows"].values()]
        table.append(
            [
                way,
                "-" if not rows else str(min(rows)) if min(rows) == max(rows) else f"{min(rows)} to {max(rows)}",
                describe(list(column(way, "label_fidelity").values())),
                describe(list(accuracy.values())),
                ", ".join(f"{100 * value:.1f}" for value in accuracy.values()),
                "" if way == BASE else compare(accuracy, column(BASE, "accuracy")).text,
                describe(list(column(way, "dev_accuracy").values())),
                ratio(way, "train_cpu"),
                ratio(way, "job_cpu"),
            ]
        )
    return tabulate(HEADER, table)


def explain(ways: Sequence[str]) -> str:
    """Return a line for each way that costs more than the base."""
    return "".join(f"{way}: {note}.\n" for way in ways if (note := find_way(way).note))


if __name__ == "__main__":
    main()
