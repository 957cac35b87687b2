"""The demo over several seeds as Markdown: mean and standard deviation of accuracy and of label fidelity.

python -m experiments.studies.demo_table --out runs/demo-seeds --seeds 13,21,42,87,100
"""

from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer

from dawgen.runs.demo import run_demo


def main(
    out: Annotated[Path, typer.Option(help="a folder for one run per seed; finished runs are reused")],
    seeds: str = "13,21,42,87,100",
    threads: int | None = None,
) -> None:
    """Run the demo for every seed and print two tables."""
    runs = [run_demo(out / seed, seed=int(seed), threads=threads) for seed in seeds.split(",")]
    accuracies: dict[str, list[float]] = defaultdict(list)
    fidelities: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for method, numbers in run["methods"].items():
            accuracies[method].append(numbers["accuracy"])
        for kind, numbers in run["generators"].items():
            fidelities[kind].append(numbers["label_fidelity"])
        fidelities["dawgen, after curation"].append(run["synthetic"]["label_fidelity"])
    print_table("method", "accuracy", accuracies)
    print_table("generator", "label fidelity", fidelities)
    gains = [run["methods"]["dawgen"]["accuracy"] - run["methods"]["prompt_tuning"]["accuracy"] for run in runs]
    room = [run["methods"]["gold"]["accuracy"] - run["methods"]["prompt_tuning"]["accuracy"] for run in runs]
    print(f"dawgen - prompt_tuning: {', '.join(f'{100 * gain:+.1f}' for gain in gains)}; mean {100 * mean(gains):+.1f}")
    print(f"share of the way from prompt_tuning to gold: {mean(gains) / mean(room):.0%}")


def print_table(name: str, what: str, values: dict[str, list[float]]) -> None:
    """Print one row per key: mean, standard deviation and all values in percent."""
    print(f"| {name} | {what}, mean ± standard deviation | by seed |\n| --- | --- | --- |")
    for key, row in values.items():
        shown = ", ".join(f"{100 * value:.1f}" for value in row)
        print(f"| {key} | {100 * mean(row):.1f} ± {100 * stdev(row):.1f} | {shown} |")
    print()


if __name__ == "__main__":
    typer.run(main)
