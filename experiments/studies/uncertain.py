"""Are rows that a prompt is unsure of worth more labels than random ones? (`dawgen annotate --uncertain`)

python -m experiments.studies.uncertain --out experiments/results/uncertain.csv                   # scenes, mini-t5
python -m experiments.studies.uncertain --out experiments/results/uncertain.csv --data DATA --target smollm2
python -m experiments.studies.uncertain --out experiments/results/uncertain.csv --into docs/annotate.md

A prompt is trained on 16 shots per label. Of a pool of 400 other rows 16 are chosen with it and, for comparison, 16
drawn; both sets get the labels of the file, and a new prompt is trained on shots and set. DATA/TASK/train.jsonl.gz and
validation.jsonl.gz hold the real tasks; pool and test rows are the same for all seeds. The settings are the presets',
with the prompt behind the text for SmolLM2 and no dev set. What stands in the CSV is not run again.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from dawgen.classifier.embed import embed_examples
from dawgen.classifier.estimator import PromptClassifier
from dawgen.data import leak_key, read, split_fewshot
from dawgen.evaluate.annotate.choose import choose_rows, measure_margins, rank_rows
from dawgen.models.load import Backbone, load_target
from dawgen.presets import PRESETS
from dawgen.records import Example
from dawgen.report.table.core import Table, make_table
from dawgen.rng import python_rng
from dawgen.scenes import draw_data
from dawgen.stats import compare, describe
from dawgen.tasks import Task
from experiments.pages.blocks import show_blocks
from experiments.pages.rows import read_rows, write_rows

SHOTS = MORE = 16  # per label; in all
POOL, TEST = 400, 300
SEEDS = (13, 21, 42, 87, 100)
DRAW = 2026  # the seed of pool and test rows of real tasks
SCENES = ("scenes-nli", "scenes-paraphrase", "scenes-question")
REAL = ("sst2", "agnews")
BYTES = 3 << 30  # of texts that were read, which all prompts of a task share
SHOTS_ONLY, CHOSEN, RANDOM, MARGIN = "shots", "chosen", "random", "margin alone"
ARMS = (SHOTS_ONLY, CHOSEN, RANDOM, MARGIN)
SMOL: dict[str, Any] = {"placement": "behind", "dtype": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt. n: test rows. margin: mean over the rows that were added; wrong: of how many of them the prompt of
    the shots named another label; counts: how many there are of each label, "-" between."""

    target: str
    task: str
    seed: int
    arm: str
    accuracy: float
    n: int
    margin: float
    wrong: float
    counts: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Data:
    """One task and seed."""

    shots: list[Example]
    pool: list[Example]
    test: list[Example]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the CSV")
    parser.add_argument("--data", type=Path, help="a folder with the real tasks; without it scenes are measured")
    parser.add_argument("--target", default="mini-t5")
    parser.add_argument("--into", type=Path, help="a page whose table is filled; nothing is measured")
    options = parser.parse_args(arguments)
    if options.into is None:
        torch.set_num_threads(1)
        measure(options.target, options.data, options.out)
    rows = read_rows(options.out, Row)
    show_blocks({"uncertain": make_block(rows)}, options.into)


def measure(target: str, data: Path | None, out: Path) -> None:
    """Add the rows of missing tasks and seeds to the CSV, the arms of a task and seed at once."""
    rows = read_rows(out, Row) if out.is_file() else []
    settings = make_settings(data)
    backbone = load_target(target, dtype=settings.get("dtype", "float32"))
    arms = ARMS if data is None else ARMS[:-1]
    backbone.texts.set_memory(BYTES)  # each text is read once for all seeds
    for seed in SEEDS:
        for name in SCENES if data is None else REAL:
            if not any((row.target, row.task, row.seed) == (target, name, seed) for row in rows):
                task = Task.load(name)
                found = draw_scenes(name, seed) if data is None else draw_real(task, data, seed)
                begin = time.perf_counter()
                rows += [
                    Row(target, name, seed, *values) for values in run_arms(backbone, task, found, seed, settings, arms)
                ]
                write_rows(out, Row, rows)
                print(f"{name} {seed}: {time.perf_counter() - begin:.0f} s", flush=True)


def make_settings(data: Path | None) -> dict[str, Any]:
    """Return what of the target's settings differs from the defaults, for scenes and for real tasks."""
    return {} if data is None else dict(PRESETS["smollm2"]["target"]) | SMOL  # type: ignore[call-overload]


def draw_scenes(task: str, seed: int) -> Data:
    """Return the built-in data with a pool of gold rows, as many of each label."""
    labels = len(Task.load(task).labels)
    drawn = draw_data(task, seed, shots=SHOTS, gold_per_label=-(-POOL // labels))
    return Data(drawn.train, drawn.gold[:POOL], drawn.test)


def draw_real(task: Task, data: Path, seed: int) -> Data:
    """Return test rows and pool, the same for every seed, and the seed's shots, which repeat neither."""
    test = read(data / task.name / "validation.jsonl.gz", task=task)
    test = python_rng(DRAW, f"uncertain/test/{task.name}").sample(test, TEST)
    held = {leak_key(row) for row in test}
    train = [row for row in read(data / task.name / "train.jsonl.gz", task=task) if leak_key(row) not in held]
    train = list({leak_key(row): row for row in train}.values())
    python_rng(DRAW, f"uncertain/pool/{task.name}").shuffle(train)
    shots = split_fewshot(train[POOL:], task.labels, SHOTS, seed, need_dev=False).train
    return Data(shots, train[:POOL], test)


def run_arms(
    backbone: Backbone, task: Task, data: Data, seed: int, settings: dict[str, Any], arms: Sequence[str] = ARMS
) -> Iterator[tuple[str, float, int, float, float, str, float]]:
    """Yield what `Row` has after target, task and seed, for each arm."""
    settings = {name: value for name, value in settings.items() if name not in ("model", "dtype")}

    def fit(more: Sequence[Example]) -> tuple[PromptClassifier, float, float]:
        begin = time.process_time()
        prompt = PromptClassifier(backbone, task, seed=seed, **settings).fit([*data.shots, *more])
        return prompt, prompt.score(data.test), time.process_time() - begin

    first, accuracy, seconds = fit([])
    yield SHOTS_ONLY, accuracy, len(data.test), 0.0, 0.0, "", seconds
    scores = first.scorer_.score_examples(data.pool, first.prompt_)
    margins = measure_margins(scores)
    said = [task.labels[number] for number in scores.argmax(1)]

    def embed(places: Sequence[int]) -> Any:
        rows = [data.pool[place] for place in places]
        return embed_examples(backbone, rows, task.template).numpy()

    drawn = {
        CHOSEN: choose_rows(margins, embed, MORE, seed),
        RANDOM: python_rng(seed, f"uncertain/random/{task.name}").sample(range(len(data.pool)), MORE),
        MARGIN: rank_rows(margins, seed)[:MORE],
    }
    for arm in arms[1:]:
        places = drawn[arm]
        rows = [data.pool[place] for place in places]
        _, accuracy, seconds = fit(rows)
        wrong = fmean(said[place] != data.pool[place].label for place in places)
        counts = Counter(row.label for row in rows)
        told = "-".join(str(counts[label]) for label in task.labels)
        yield arm, accuracy, len(data.test), float(np.mean(margins[places])), wrong, told, seconds


def make_block(rows: Sequence[Row]) -> Table:
    """Return the table: a line for each task, and one over all tasks of a target."""
    lines = []
    for target in dict.fromkeys(row.target for row in rows):
        own = [row for row in rows if row.target == target]
        tasks = list(dict.fromkeys(row.task for row in own))
        for name, wanted in [*((task, [task]) for task in tasks), ("all", tasks)]:
            found = {
                arm: {(row.task, row.seed): row.accuracy for row in own if row.arm == arm and row.task in wanted}
                for arm in ARMS
            }
            lines.append(
                [
                    target,
                    name,
                    *(describe(list(found[arm].values())) for arm in ARMS),
                    describe_wrong([row for row in own if row.task in wanted]),
                    compare(found[CHOSEN], found[RANDOM]).text,
                    compare(found[RANDOM], found[SHOTS_ONLY]).text,
                ]
            )
    header = ["target", "task", "16 shots", "+ 16 chosen", "+ 16 random", "+ 16 margin alone"]
    header += ["wrong of chosen / random", "chosen - random", "random - 16 shots"]
    return make_table("Rows chosen and drawn", header, lines, key="uncertain", names=2)


def describe_wrong(rows: Sequence[Row]) -> str:
    """Return of what per cent of the rows that were chosen, and drawn, the prompt of the shots named another label."""
    shares = [fmean(row.wrong for row in rows if row.arm == arm) for arm in (CHOSEN, RANDOM)]
    return " / ".join(f"{100 * share:.0f}" for share in shares)


if __name__ == "__main__":
    main()
