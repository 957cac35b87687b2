"""Does one rate fit all models? `target.rate`, in units of the embeddings, beside the absolute `target.lr`; and the
generator's rate beside the states that it moves.

python -m experiments.studies.rates --out runs/rates --results experiments/results \\
    --smollm2 FOLDER --data DATA    # DATA/sst2/train.jsonl.gz and validation.jsonl.gz
python -m experiments.studies.rates --results experiments/results --into docs/rates.md    # the page's tables again

Prompt tuning on 16 shots per label. Without --smollm2 its rows are left out. What is in the folder is not run again.
"""

import argparse
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from dawgen.bench.cells import hash_facts
from dawgen.classifier.diagnose import watch_third
from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import RunConfig
from dawgen.files import read_json, write_json, write_text
from dawgen.models.load import Backbone, load_target
from dawgen.models.units import measure_reach
from dawgen.rng import python_rng
from dawgen.runs.inputs import load_inputs
from experiments.pages.blocks import show_blocks
from experiments.pages.rows import read_rows
from experiments.studies.cells import tabulate
from experiments.studies.rate_models import FAMILIES, make_random
from experiments.studies.rate_states import measure_states, render_generators, sst2_config, tune_all

SETTINGS = ({"rate": 0.05}, {"rate": 0.2}, {"rate": 0.8}, {"lr": 0.03}, {"lr": 0.3})
TARGETS = ("mini-t5", "mini-flan", "mini-ctrl")
TASKS = ("scenes-paraphrase",)
SEEDS = (1,)  # one of those for choosing
SCALES = (0.1, 1.0, 10.0)
RANDOM_STEPS = 60
SMOL = {"steps": 30, "batch_size": 4}
SMOL_TEST = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One training. setting: such as "rate 0.2". unit: of the model's embeddings. third, loss: mean losses at the end
    of the first third and over the last tenth of the steps. accuracy: on test rows, of a random model on the few shots.
    reach: the longest prompt row's norm in those of the embeddings, u * sqrt(H)."""

    model: str
    scale: float
    unit: float
    task: str
    seed: int
    setting: str
    third: float
    loss: float
    accuracy: float
    reach: float


@dataclass(frozen=True)
class Job:
    """What to train. load: the model. config: the data. test: rows to measure on, 0 for the few shots."""

    model: str
    load: Callable[[], Backbone]
    config: RunConfig
    setting: dict[str, float]
    test: int
    scale: float = 1.0

    def key(self) -> str:
        """Return the name of the job's file, of all that it depends on."""
        facts = self.config.model_dump(mode="json", include={"task", "seed", "shots"})
        target = self.config.target.model_dump(mode="json", include={"steps", "batch_size"})
        return hash_facts([self.model, self.scale, self.test, self.setting, facts, target])

    def run(self) -> Row:
        """Train and measure."""
        backbone, inputs = self.load(), load_inputs(self.config)
        settings = self.config.target.model_dump(exclude={"model", "rate", "lr"}) | self.setting
        settings |= {"seed": self.config.seed, "temperature": "none"}
        classifier = PromptClassifier(backbone, inputs.task, schedule="real", **settings)
        log: list[dict[str, Any]] = []
        classifier.fit(inputs.train, log=log.append)
        rows = list(inputs.test or ()) if self.test else inputs.train
        if 0 < self.test < len(rows):
            rows = python_rng(0, "rates/test").sample(rows, self.test)
        last = log[-max(1, len(log) // 10) :]
        ((name, value),) = self.setting.items()
        return Row(
            self.model,
            self.scale,
            backbone.unit,
            inputs.task.name,
            self.config.seed,
            f"{name} {value:g}",
            fmean(log[step]["loss_real"] for step in watch_third(len(log)) or range(1)),
            fmean(row["loss_real"] for row in last),
            classifier.score(rows),
            measure_reach(classifier.prompt_, backbone.unit),
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, or read the file; then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the trainings; without it the results are read")
    parser.add_argument("--results", type=Path, required=True, help="folder of rates.csv and rates_generator.json")
    parser.add_argument("--into", type=Path, help="page whose tables to fill")
    parser.add_argument("--smollm2", help="its folder")
    parser.add_argument("--data", type=Path, help="folder with sst2, for SmolLM2")
    parser.add_argument("--targets", nargs="*", default=TARGETS)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--tuning", type=int, default=160, help="steps of the bundled generator")
    options = parser.parse_args(arguments)
    table, generators = options.results / "rates.csv", options.results / "rates_generator.json"
    if options.out is not None:
        torch.set_num_threads(1)
        options.out.mkdir(parents=True, exist_ok=True)
        write_text(table, format_rows([find_row(job, options.out) for job in list_jobs(options)]))
        states = measure_states(options.smollm2)
        tuned = tune_all(options.out, options.smollm2, options.data, steps=options.tuning)
        write_json(generators, {"states": states, "tuned": tuned})
    found = read_json(generators, " Give --out.")
    show_blocks(make_blocks(read_rows(table, Row)) | render_generators(found["states"], found["tuned"]), options.into)


def list_jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Yield all trainings, one seed after the other."""
    target = {"steps": options.steps, "patience": 0}
    for seed in options.seeds:
        for model, task, setting in product(options.targets, options.tasks, SETTINGS):
            config = RunConfig.model_validate({"task": task, "seed": seed, "target": target})
            yield Job(model, partial(load_target, model), config, setting, test=600)
    for family, scale, setting in product(options.families, SCALES, SETTINGS):
        few = {"steps": min(options.steps, RANDOM_STEPS)}
        config = RunConfig.model_validate({"task": options.tasks[0], "seed": SEEDS[0], "target": few})
        yield Job(family, partial(make_random, family, scale), config, setting, test=0, scale=scale)
    if options.smollm2:
        config = sst2_config(options.data, **SMOL)
        for setting in SETTINGS:
            yield Job("SmolLM2-135M", partial(load_target, options.smollm2), config, setting, test=SMOL_TEST)


def find_row(job: Job, out: Path) -> Row:
    """Return the job's row, from its file where there is one."""
    path = out / f"{job.key()}.json"
    if not path.is_file():
        row = job.run()
        write_json(path, asdict(row))
        print(row, flush=True)
    return Row(**read_json(path, " Delete it; it is then trained again."))


def format_rows(rows: Sequence[Row]) -> str:
    """Return the rows as CSV."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    for row in rows:
        writer.writerow([f"{value:.5g}" if isinstance(value, float) else value for value in asdict(row).values()])
    return table.getvalue()


def make_blocks(rows: Sequence[Row]) -> dict[str, str]:
    """Return the tables of trainings as Markdown, by the names of its blocks."""
    return {"rates": render_trained(rows), "rates-random": render_random(rows)}


def render_trained(rows: Sequence[Row]) -> str:
    """Return accuracy by model and setting, mean over tasks and seeds, with the mean last loss."""
    names = [_name(setting) for setting in SETTINGS]
    table = []
    for model in dict.fromkeys(row.model for row in rows if row.model not in FAMILIES):
        own = [row for row in rows if row.model == model]
        found = [[row for row in own if row.setting == name] for name in names]
        seen = f"{len({row.task for row in own})} x {len({row.seed for row in own})}"
        cells = [f"{100 * fmean(r.accuracy for r in part):.1f} ({fmean(r.loss for r in part):.2f})" for part in found]
        table.append([model, f"{own[0].unit:.3g}", seen, *cells])
    return tabulate(["target", "u", "tasks x seeds", *names], table)


def render_random(rows: Sequence[Row]) -> str:
    """Return the last loss of random models by setting, the three scales of their embeddings beside each other."""
    names, table = [_name(setting) for setting in SETTINGS], []
    for family in dict.fromkeys(row.model for row in rows if row.model in FAMILIES):
        found = {(row.setting, row.scale): row.loss for row in rows if row.model == family}
        table.append([family, *(" / ".join(f"{found[name, scale]:.2f}" for scale in SCALES) for name in names)])
    return tabulate(["random model", *names], table)


def _name(setting: dict[str, float]) -> str:
    ((name, value),) = setting.items()
    return f"{name} {value:g}"


if __name__ == "__main__":
    main()
