"""How much do the defaults matter? One setting at a time around them, all others as they are.

    python -m experiments.studies.sensitivity --out DIR --jobs 4 --plot sensitivity.png

The seeds 1 to 5 are for choosing alone, and only on the task named here; what they choose is confirmed by other
experiments on other seeds and tasks. Test rows are measured, no dev row is looked at to choose among values.

dawgen trains on our own curated set of the seed; a setting of generator, decoding or curation has a set of its own for
each value. A generator is tuned once per seed and value of its own settings. The numbers of rows are the first of one
set. prompt_tuning stands beside dawgen where the setting concerns it.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.engine.storage import Store
from dawgen.files import write_json
from experiments.studies.cells import add_options, run_cells
from experiments.studies.sensitivity_report import Measured, draw_panels, print_tables

Grid = dict[tuple[str, float, int], SetCell]  # setting, value, seed


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, the values to try, and what its axis says. real: whether it changes prompt_tuning too."""

    section: str
    field: str
    values: tuple[float, ...]
    axis: str
    real: bool = False

    def read(self, config: RunConfig) -> float:
        """Return the value that a configuration has."""
        holder = getattr(config, self.section) if self.section else config
        return float(getattr(holder, self.field))

    def change(self, config: RunConfig, value: float) -> RunConfig:
        """Return the configuration with another value."""
        known = config.model_dump()
        (known[self.section] if self.section else known)[self.field] = value
        return RunConfig.model_validate(known)


SETTINGS = {
    "target-lr": Setting("target", "lr", (0.03, 0.1, 0.3, 1.0), "target's learning rate", real=True),
    "target-steps": Setting("target", "steps", (50, 100, 150, 300), "target's steps", real=True),
    "batch-size": Setting("target", "batch_size", (4, 8, 16, 32), "rows of each source per step", real=True),
    "prompt-length": Setting("target", "prompt_length", (5, 10, 20, 50), "prompt length, tokens", real=True),
    "epsilon": Setting("target", "epsilon", (0.25, 0.5, 1, 2, 4), "epsilon, synthetic weight"),
    "per-label": Setting("", "per_label", (50, 100, 300, 900), "synthetic rows per label"),
    "generator-lr": Setting("generator", "lr", (0.001, 0.0025, 0.005, 0.01, 0.02), "generator's learning rate"),
    "generator-steps": Setting("generator", "steps", (40, 80, 160, 320), "generator's steps"),
    "dist-weight": Setting("generator", "dist_weight", (0, 0.03, 0.3, 1), "weight of the distance loss"),
    "contrast": Setting("decode", "contrast", (0, 0.25, 0.5, 1), "gamma of contrastive decoding"),
    "top-k": Setting("decode", "top_k", (5, 10, 50), "top-k, tokens"),
    "temperature": Setting("decode", "temperature", (0.7, 1.0, 1.3), "temperature"),
    "posterior-margin": Setting("curate", "posterior_margin", (0, 0.5, 1, 2, 4), "posterior margin, nats"),
}


@dataclass
class Redecoded(SetCell):
    """A set whose generator is that of another one. tuned: the name of its folder inside the experiment's folder."""

    tuned: str = ""

    @property
    def effort(self) -> float:
        """Return about which share of a set's time writing takes."""
        return 0.4

    def run(self, store: Store) -> dict[str, Any]:
        """Copy the generator, where it is there, and write the set."""
        mine = f"{self.place}/generator"
        if store.exists(f"{self.tuned}/generator.json") and not store.exists(f"{mine}/generator.json"):
            theirs = store.fetch(self.tuned)
            # Tuning does not know how texts will be written; the record says it for those who load the generator.
            record = json.loads((theirs / "generator.json").read_bytes())
            record["decode"] = self.config.decode.model_copy(
                update={"first_texts": record["decode"]["first_texts"]}
            ).model_dump(mode="json")
            with store.workspace(mine) as own:
                shutil.copyfile(theirs / "prefix.safetensors", own / "prefix.safetensors")
                write_json(own / "generator.json", record)
        return super().run(store)


@dataclass
class Sized(PromptCell):
    """A prompt whose steps have more or fewer rows than those whose time is predicted. rows: of each source."""

    rows: int = 16

    @property
    def effort(self) -> float:
        """Return the share of the predicted time, most of which is training."""
        return self.config.target.batch_size / self.rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing and print a table per setting."""
    options = _parse(arguments)
    steps = {"steps": options.steps} if options.steps else {}
    base = RunConfig.model_validate(
        {
            "task": options.task,
            "per_label": options.per_label,
            "target": {"model": options.target, **steps},
            "generator": steps,
        }
    )
    settings = {name: SETTINGS[name] for name in options.only}
    first = {seed: SetCell(base.model_copy(update={"seed": seed})) for seed in options.seeds}
    sets = plan_sets(settings, first)
    written = run_cells(first.values(), options.out, jobs=options.jobs)
    written |= run_cells(sets.values(), options.out, jobs=options.jobs)
    ready = {name: cell for name, cell in sets.items() if "error" not in written[cell.key]}
    cells = plan_prompts(settings, {s: c for s, c in first.items() if "error" not in written[c.key]}, ready)
    numbers = run_cells(cells.values(), options.out, jobs=options.jobs)
    accuracy = {name: numbers[cell.key]["accuracy"] for name, cell in cells.items() if "error" not in numbers[cell.key]}
    measured = [
        Measured.collect(name, setting.axis, values_of(setting, base), setting.read(base), accuracy)
        for name, setting in settings.items()
    ]
    found = {name: written[cell.key] for name, cell in ready.items()}
    print(f"\n{options.task}, {options.target}, seeds {' '.join(map(str, options.seeds))}, {base.per_label} per label.")
    print("These seeds are for choosing; other experiments confirm on other seeds and tasks.\n")
    print_tables(measured, found)
    write_json(
        options.out / "results.json",
        [
            dict(zip(("method", "setting", "value", "seed"), key, strict=True)) | {"accuracy": value}
            for key, value in accuracy.items()
        ],
    )
    for (name, value, seed), cell in sets.items():
        if "error" in written[cell.key]:
            print(f"no set for {name} {value:g}, seed {seed}: {written[cell.key]['error']}")
    if options.plot:
        draw_panels(measured, options.plot)


def values_of(setting: Setting, base: RunConfig) -> list[float]:
    """Return the values of a setting, the default among them."""
    return sorted({*setting.values, setting.read(base)})


def plan_sets(settings: Mapping[str, Setting], first: Mapping[int, SetCell]) -> Grid:
    """Return the set of every value of settings that change sets; sizes have the largest alone."""
    grid: Grid = {}
    for name, setting in settings.items():
        for seed, cell in first.items():
            values = values_of(setting, cell.config)
            if setting.section == "target":
                continue
            for value in values[-1:] if not setting.section else values:
                config = setting.change(cell.config, value)
                tuned = "" if setting.section == "generator" else f"{cell.place}/generator"
                # The default's own set has the same key, and its file.
                grid[name, value, seed] = Redecoded(config, tuned=tuned) if tuned else SetCell(config)
    return grid


def plan_prompts(
    settings: Mapping[str, Setting], first: Mapping[int, SetCell], sets: Grid
) -> dict[tuple[str, str, float, int], PromptCell]:
    """Return the prompts to train, by method, setting, value and seed; those whose set failed are left out."""
    cells: dict[tuple[str, str, float, int], PromptCell] = {}
    for name, setting in settings.items():
        for seed, cell in first.items():
            rows = cell.config.target.batch_size
            for value in values_of(setting, cell.config):
                if setting.section == "target":
                    config, source = setting.change(cell.config, value), f"{cell.place}/train.jsonl"
                    cells["dawgen", name, value, seed] = Sized(config, "dawgen", source, rows=rows)
                    if setting.real:
                        cells["prompt_tuning", name, value, seed] = Sized(config, "prompt_tuning", rows=rows)
                elif found := _find_set(name, setting, value, seed, sets):
                    source, take = f"{found.place}/train.jsonl", None if setting.section else int(value)
                    cells["dawgen", name, value, seed] = PromptCell(cell.config, "dawgen", source, take=take)
    return cells


def _find_set(name: str, setting: Setting, value: float, seed: int, sets: Grid) -> SetCell | None:
    """Return the set of a value; for sizes it is the largest one, whose first rows are taken."""
    if setting.section:
        return sets.get((name, value, seed))
    return next((cell for (own, _, of), cell in sets.items() if (own, of) == (name, seed)), None)


def _parse(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--task", default="scenes-paraphrase")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--target", default="mini-t5", help="the frozen model")
    parser.add_argument("--per-label", type=int, default=300, help="synthetic rows per label")
    parser.add_argument("--only", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--steps", type=int, help="steps of generators and prompts, to try this script")
    parser.add_argument("--plot", type=Path, help="a PNG file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
