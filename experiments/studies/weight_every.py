"""What learning the token weights at every n-th step only does to label fidelity and to the time of tuning.

python -m experiments.studies.weight_every --out runs/weight-every

The bundled generator on scenes-nli, kind "dawgen", the package's settings but for `weight_every`. 0 stands for the
first step only: the weights then stay next to equal, which is plain likelihood with alignment. Each cell (every, seed)
is a file in the folder; a cell that is there is not run again. Differences are paired by seed.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from dawgen.files import write_json
from dawgen.generator.estimator import Generator
from dawgen.models.load import Backbone, load_generator
from dawgen.scenes import draw_data
from dawgen.scenes.fidelity import measure_fidelity
from dawgen.tasks import Task


def main() -> None:
    """Run the cells that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", default="scenes-nli")
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 21, 42, 87, 100])
    parser.add_argument("--every", type=int, nargs="+", default=[1, 4, 0], help="the first is what others differ from")
    parser.add_argument("--rows", type=int, default=200, help="candidates per label")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--weight-lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    backbone = load_generator("mini-ctrl")
    cells = [(every, seed) for seed in options.seeds for every in options.every]
    missing = [cell for cell in cells if not find(options, *cell).exists()]
    if missing:
        print(
            f"{len(missing)} of {len(cells)} cells to run, about {predict(backbone, options, missing):.0f} s",
            flush=True,
        )
    for every, seed in missing:
        write_json(find(options, every, seed), run_work(backbone, options, every, seed, options.steps, options.rows))
    print(render({cell: json.loads(find(options, *cell).read_text()) for cell in cells}, options))


def find(options: argparse.Namespace, every: int, seed: int) -> Path:
    """Return the file of a cell, whose name holds all that it depends on."""
    settings = f"{options.task}-steps{options.steps}-rows{options.rows}-lr{options.weight_lr:g}"
    folder: Path = options.out / settings
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"every{every}-seed{seed}.json"


def run_work(
    backbone: Backbone, options: argparse.Namespace, every: int, seed: int, steps: int, rows: int
) -> dict[str, Any]:
    """Tune, write candidates and let the oracle judge them."""
    data = draw_data(options.task, seed, test=0, first_texts=rows)
    generator = Generator(
        backbone,
        Task.load(options.task),
        kind="dawgen",
        steps=steps,
        weight_every=every or steps,
        weight_lr=options.weight_lr,
        seed=seed,
    )
    lines: list[dict[str, Any]] = []
    begin = time.process_time()
    generator.fit(data.train, log=lines.append)
    middle = time.process_time()
    candidates = generator.preview(rows, first_texts=data.first_texts)
    found = measure_fidelity(options.task, [candidate.example for candidate in candidates])
    spread = [line["effective_tokens"] / line["tokens"] for line in lines]
    return {
        "fidelity": found["label_fidelity"],
        "ungrammatical": found["ungrammatical"],
        "candidates": found["n"],
        "effective_share": mean(spread[-10:]),
        "tuning_seconds": middle - begin,
        "writing_seconds": time.process_time() - middle,
    }


def predict(backbone: Backbone, options: argparse.Namespace, missing: list[tuple[int, int]]) -> float:
    """Return the seconds that the missing cells will take, from one short cell of each kind."""
    total, steps, rows = 0.0, 8, min(20, options.rows)
    for every in {every for every, _ in missing}:
        short = run_work(backbone, options, every, options.seeds[0], steps, rows)
        whole = short["tuning_seconds"] * options.steps / steps + short["writing_seconds"] * options.rows / rows
        total += whole * sum(kind == every for kind, _ in missing)
    return total


def render(cells: dict[tuple[int, int], dict[str, Any]], options: argparse.Namespace) -> str:
    """Return a table of means over seeds, and of differences from the first setting, paired by seed."""
    head = (
        "weight_every",
        "label fidelity",
        "by seed",
        "ungrammatical",
        "effective tokens",
        "tuning, CPU s",
        "difference",
    )
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    base = options.every[0]
    for every in options.every:
        column = {key: [cells[every, seed][key] for seed in options.seeds] for key in next(iter(cells.values()))}
        others = [cells[base, seed]["fidelity"] for seed in options.seeds]
        change = [100 * (a - b) for a, b in zip(column["fidelity"], others, strict=True)]
        shares = [100 * value for value in column["fidelity"]]
        lines.append(
            f"| {every or 'first step only'} | {show(shares)} | {', '.join(f'{value:.1f}' for value in shares)} "
            f"| {100 * mean(column['ungrammatical']):.1f} | {100 * mean(column['effective_share']):.0f} % "
            f"| {show(column['tuning_seconds'])} | {'' if every == base else show(change, '+')} |"
        )
    return "\n".join(lines)


def show(values: list[float], sign: str = "") -> str:
    """Return mean ± standard deviation over seeds."""
    spread = stdev(values) if len(values) > 1 else 0.0
    return f"{mean(values):{sign}.1f} ± {spread:.1f}"


if __name__ == "__main__":
    main()
