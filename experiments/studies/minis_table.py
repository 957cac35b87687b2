"""What a mini is worth: room and ceiling of targets, label fidelity of generators, before any of them is chosen.

python -m experiments.studies.minis_table --out runs/minis --targets mini-t5 OTHER --generators mini-ctrl OTHER

Targets: prompt tuning on 16 shots and on 300 gold rows per label. Generators: the written prompts untuned, and a
plainly tuned prefix, 300 whole texts per label without curation.
"""

import argparse
from collections.abc import Iterable

from dawgen.bench.prompts import PromptCell
from dawgen.config import GeneratorKind, RunConfig
from dawgen.stats import describe
from experiments.studies.cells import OLD, RawSet, add_options, run_cells, tabulate

METHODS: tuple[str, ...] = ("zero_shot", "prompt_tuning", "gold")
KINDS: tuple[GeneratorKind, ...] = ("untuned", "plain")


def main() -> None:
    """Run the cells that are missing, then print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--targets", nargs="*", default=["mini-t5", "mini-flan"])
    parser.add_argument("--generators", nargs="*", default=["mini-ctrl"])
    parser.add_argument("--tasks", nargs="+", default=["scenes-nli", "scenes-paraphrase", "scenes-question"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--per-label", type=int, default=300)
    options = parser.parse_args()
    size, seeds, tasks = options.per_label, options.seeds, options.tasks
    prompts = {
        (target, task, method, seed): PromptCell(
            RunConfig(task=task, seed=seed, per_label=size, methods=(method,), target={"model": target, **OLD}),
            method,
        )
        for target in options.targets
        for task in tasks
        for method in METHODS
        for seed in seeds
    }
    sets = {
        (generator, task, kind, seed): RawSet(
            RunConfig(task=task, seed=seed, per_label=size, generator={"model": generator, "kind": kind})
        )
        for generator in options.generators
        for task in tasks
        for kind in KINDS
        for seed in seeds
    }
    found = run_cells([*prompts.values(), *sets.values()], options.out, jobs=options.jobs)
    accuracy = {key: found[cell.key].get("accuracy") for key, cell in prompts.items()}
    raw = {key: found[cell.key].get("raw_fidelity") for key, cell in sets.items()}
    print(render("target", accuracy, options.targets, tasks, METHODS, seeds))
    print(render("generator", raw, options.generators, tasks, KINDS, seeds))


def render(
    name: str,
    values: dict[tuple[str, str, str, int], float | None],
    models: Iterable[str],
    tasks: Iterable[str],
    columns: Iterable[str],
    seeds: Iterable[int],
) -> str:
    """Return a table with a row per model and task: mean, standard deviation over seeds in percent, and all values."""
    rows = []
    for model in models:
        for task in tasks:
            row = [model, task]
            for column in columns:
                known = [v for seed in seeds if (v := values[model, task, column, seed]) is not None]
                row.append(f"{describe(known)} ({', '.join(f'{100 * v:.0f}' for v in known)})" if known else "-")
            rows.append(row)
    return tabulate([name, "task", *columns], rows)


if __name__ == "__main__":
    main()
