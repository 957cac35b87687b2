"""The main table: every method and every generator on the scenes tasks, whose oracle knows all labels.

python -m experiments.studies.scenes_table --out runs/scenes --csv experiments/results/scenes.csv \\
    --plot docs/images/scenes.png
python -m experiments.studies.scenes_table --csv experiments/results/scenes.csv --into docs/evidence.md  # tables again
python -m experiments.studies.scenes_table --out runs/probes --csv experiments/results/scenes.csv \\
    --methods tfidf_probe linear_probe tfidf_probe_synthetic linear_probe_synthetic  # their rows into the file

Methods use dawgen's curated set; the other generators, and sets without curation, are compared on the first target by
training on the set alone and by the full method, and probes use the plain generator's curated set too. All sets have
the same size, and `gold` trains on as many real rows.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

from dawgen.bench.prompts import PromptCell
from dawgen.config import RunConfig, TunedKind
from experiments.pages.blocks import show_blocks
from experiments.pages.rows import read_rows, write_rows
from experiments.studies.cells import OLD, RawSet, add_options, run_cells
from experiments.studies.scenes_report import Row, draw, make_blocks

TASKS = ("scenes-nli", "scenes-paraphrase", "scenes-question")
SEEDS = (13, 21, 42, 87, 100)
KINDS: tuple[TunedKind, ...] = get_args(TunedKind)
# The methods that the published file has; grids (`dawgen bench`) have the others.
WITHOUT_SET: tuple[str, ...] = ("zero_shot", "in_context", "tfidf_probe", "linear_probe", "prompt_tuning", "gold")
PROBES = ("tfidf_probe_synthetic", "linear_probe_synthetic")
WITH_SET: tuple[str, ...] = (
    *PROBES,
    "synthetic_only",
    "pooled",
    "real_then_synthetic",
    "synthetic_then_real",
    "paired",
    "dawgen",
)
FILES = {"raw": "raw.jsonl", "curated": "train.jsonl"}


class Name(NamedTuple):
    """What tells a trained prompt from all others; generator and data are "" without a synthetic set."""

    task: str
    target: str
    generator: str
    data: str
    method: str
    seed: int


def main() -> None:
    """Run the cells that are missing, or read the file; then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, required=False)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--targets", nargs="+", default=["mini-t5", "mini-flan"])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--per-label", type=int, default=300)
    parser.add_argument("--steps", type=int, default=None, help="of the target, instead of the default")
    parser.add_argument("--csv", type=Path, help="written with --out, else read")
    parser.add_argument("--methods", nargs="+", default=[], help="only these; all other rows of --csv stay as they are")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    options = parser.parse_args()
    if options.out is None and options.csv is None:
        parser.error("expected --out FOLDER to run the experiment, or --csv FILE to read its rows; got neither.")
    rows = [] if options.out is None else run(options)
    if options.out is not None and options.csv is not None:
        write_rows(options.csv, Row, join_rows(read_rows(options.csv, Row), rows) if options.methods else rows)
    if options.csv is not None:
        rows = read_rows(options.csv, Row)  # rounded, so that the tables are the same as those read later
    if options.plot is not None:
        draw(rows, options.plot)
    show_blocks(make_blocks(rows), options.into)


def run(options: argparse.Namespace) -> list[Row]:
    """Return a row per set and per trained prompt."""
    sets = {
        (task, seed, kind): RawSet(
            RunConfig(task=task, seed=seed, per_label=options.per_label, generator={"kind": kind})
        )
        for task in options.tasks
        for seed in options.seeds
        for kind in KINDS
        if not options.methods or any(kind == used for used, _, _ in choose_arms(options, options.targets[0]))
    }
    made = run_cells(sets.values(), options.out, jobs=options.jobs)
    rows = []
    for (task, seed, kind), cell in () if options.methods else sets.items():
        for data in FILES:
            numbers = made[cell.key]
            if "error" not in numbers:
                fidelity = numbers["raw_fidelity" if data == "raw" else "fidelity"]
                rows.append(Row(task, "", kind, data, "", seed, fidelity, None, numbers["kept"], numbers["seconds"]))
    arms = {
        (name := Name(task, target, kind, data, method, seed)): make_arm(name, options, sets.get((task, seed, kind)))
        for task in options.tasks
        for seed in options.seeds
        for target in options.targets
        for kind, data, method in choose_arms(options, target)
        if not kind or "error" not in made[sets[task, seed, kind].key]
    }
    found = run_cells(arms.values(), options.out, jobs=options.jobs)
    for key, cell in arms.items():
        numbers = found[cell.key]
        if "error" not in numbers:
            rows.append(Row(*key, numbers["accuracy"], numbers["macro_f1"], numbers["n_test"], numbers["seconds"]))
    return rows


def choose_arms(options: argparse.Namespace, target: str) -> list[tuple[str, str, str]]:
    """Return the arms of a target, those of the chosen methods."""
    arms = list_arms(generators=target == options.targets[0])
    return [arm for arm in arms if not options.methods or arm[2] in options.methods]


def join_rows(known: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Return all rows, a new one in place of the known one of its name."""
    named = {(row.task, row.target, row.generator, row.data, row.method, row.seed): row for row in (*known, *new)}
    return list(named.values())


def list_arms(*, generators: bool) -> Iterator[tuple[str, str, str]]:
    """Yield generator, data and method of every arm; the first two are "" without a synthetic set.

    generators: whether to compare generators and sets without curation.
    """
    yield from (("", "", method) for method in WITHOUT_SET)
    yield from (("dawgen", "curated", method) for method in WITH_SET)
    for kind in KINDS if generators else ():
        for data in FILES:
            if (kind, data) != ("dawgen", "curated"):
                yield from ((kind, data, method) for method in ("synthetic_only", "dawgen"))
    yield from (("plain", "curated", method) for method in PROBES)


def make_arm(name: Name, options: argparse.Namespace, source: RawSet | None) -> PromptCell:
    """Return the cell of an arm. source: its set, None without one."""
    settings: dict[str, Any] = {"model": name.target, **OLD} | (
        {} if options.steps is None else {"steps": options.steps}
    )
    config = RunConfig(
        task=name.task,
        seed=name.seed,
        per_label=options.per_label,
        methods=(name.method,),
        target=settings,
        leaks="drop" if name.data == "raw" else "refuse",  # without curation a test pair may be written by chance
    )
    return PromptCell(config, name.method, f"{source.place}/{FILES[name.data]}" if source else None)


if __name__ == "__main__":
    main()
