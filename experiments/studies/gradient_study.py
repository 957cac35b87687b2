"""Gradients of five seeds on scenes: do synthetic rows fight the real ones, and are they the mislabelled ones?

python -m experiments.studies.gradient_study --out runs/gradients --results experiments/results/gradients.json \
    --plot docs/images/gradients.png --into docs/gradients.md

Runs that are in the folder are reused, and so is a finished analysis of the same seeds. A page has a block for the
sentences and for each table: <!-- KEY --> ... <!-- /KEY -->.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dawgen.config import RunConfig
from dawgen.evaluate.gradients.charts import paint_histogram
from dawgen.evaluate.gradients.study import analyze_gradients
from dawgen.evaluate.gradients.tables import DETECTORS, list_tables
from dawgen.files import write_json, write_with
from dawgen.report.plots import pick_look
from dawgen.report.table.core import Table
from dawgen.runs.run import run_job
from dawgen.runs.settings import resolve_config
from experiments.pages.blocks import show_blocks
from experiments.studies.cells import OLD

SEEDS = (13, 21, 42, 87, 100)
GROUPS = {
    "synthetic": "synthetic",
    "second_real": "second real batch",
    "shuffled": "labels shuffled",
    "random": "random text",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do the study, or only write figure and page from its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of runs and analysis; without it --results is read")
    parser.add_argument("--results", type=Path, required=True, help="what gradients.json holds")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--task", default="scenes-nli")
    parser.add_argument("--per-label", type=int, default=256, help="synthetic rows per label")
    parser.add_argument("--set", action="append", default=[], help="one setting, such as target.steps=50")
    parser.add_argument("--plot", type=Path, help="a PNG")
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    options = parser.parse_args(arguments)
    if options.out is not None:
        write_json(options.results, study(options.out, make_configs(options)))
    found = json.loads(options.results.read_bytes())
    if options.plot is not None:
        draw(found, options.plot)
    if options.into is not None:
        show_blocks(make_blocks(found), options.into)


def make_configs(options: argparse.Namespace) -> list[RunConfig]:
    """Return the settings of each seed's run."""
    values = {"task": options.task, "per_label": options.per_label, "threads": 1, "target": {**OLD}}
    methods = ["prompt_tuning", "paired", "dawgen"]
    return [
        resolve_config(arguments={**values, "seed": seed, "methods": methods}, assignments=options.set)
        for seed in options.seeds
    ]


def study(out: Path, configs: Sequence[RunConfig]) -> dict[str, Any]:
    """Return the numbers of all seeds together; runs and analysis that are in the folder are reused."""
    folders = []
    for config in configs:
        folders.append(out / "runs" / str(config.seed))
        run_job(config, folders[-1])
    done = out / "analysis" / "gradients.json"
    if done.is_file():
        found: dict[str, Any] = json.loads(done.read_bytes())
        if found["seeds"] == [config.seed for config in configs]:
            return found
    return analyze_gradients(folders, done.parent)


def make_blocks(found: Mapping[str, Any]) -> dict[str, Table | str]:
    """Return every block of the page by its key: "sentences", and the tables."""
    sentences = "".join(f"- {sentence}\n" for sentence in found["sentences"])
    return {"sentences": sentences} | {table.key: table for table in list_tables(found)}


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Draw cosines of rows, conflict by third of the training, and the AUC of each detector of wrong labels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 3.7), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    training = found["trainings"]["paired"]
    shares = training["histogram"]["shares"]
    paint_histogram(left, {group: shares[group] for group in GROUPS if group in shares})
    left.legend(frameon=False, fontsize=8)
    _draw_phases(middle, training)
    _draw_detectors(right, training["examples"])
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def _draw_phases(axes: Any, training: Mapping[str, Any]) -> None:
    there = [group for group in GROUPS if group in training["by_phase"]]
    for number, group in enumerate(there):
        look, parts = pick_look(number), training["by_phase"][group]
        values = [parts[name]["conflict"] for name in parts]
        places = [place + 0.08 * (number - (len(there) - 1) / 2) for place in range(len(values))]
        axes.errorbar(places, *_make_bars(values, 100), color=look.colour, marker=look.marker, linewidth=1.2, capsize=2)
    axes.axhline(50, color="black", linewidth=0.8, alpha=0.4)
    axes.set_xticks(range(len(training["by_phase"]["synthetic"])), list(training["by_phase"]["synthetic"]))
    axes.set_xlabel("third of the training")
    axes.set_ylabel("rows in conflict (%)")
    axes.grid(alpha=0.2)


def _draw_detectors(axes: Any, examples: Mapping[str, Any] | None) -> None:
    if examples is None:
        axes.set_axis_off()
        return
    names = list(examples["auc"])
    places = list(range(len(names)))[::-1]
    means, reaches = _make_bars([examples["auc"][name] for name in names], 1)
    axes.errorbar(means, places, xerr=reaches, fmt="o", color=pick_look(0).colour, capsize=2)
    axes.axvline(0.5, color="black", linewidth=0.8, alpha=0.4)
    axes.set_yticks(places, [DETECTORS[name] for name in names])
    axes.set_xlabel("AUC as a detector of wrong labels")
    axes.grid(alpha=0.2)


def _make_bars(values: Sequence[Mapping[str, float]], factor: float) -> tuple[list[float], list[list[float]]]:
    """Return means and the reaches of their intervals downwards and upwards, 0 where there is none."""
    means = [factor * value["mean"] for value in values]
    lows = [0.0 if v["low"] is None else factor * (v["mean"] - v["low"]) for v in values]
    highs = [0.0 if v["high"] is None else factor * (v["high"] - v["mean"]) for v in values]
    return means, [lows, highs]


if __name__ == "__main__":
    main()
