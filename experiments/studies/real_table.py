"""Real pairs in few shots: SICK, MRPC, RTE, QQP and QNLI on the bundled minis, and FewGen's published sets.

    python -m experiments.studies.real_table --data FOLDER --out DIR --jobs 4 --plot real.png

FOLDER holds, as gzipped JSON Lines: TASK/train, TASK/validation {"text1", "text2", "label"}, TASK/kshot16 (the 16-shot
splits of LM-BFF, with "seed" and "split"; without it the pipeline draws shots and dev rows from train by the seed),
TASK/fewgen-16-SEED (the sets that FewGen published) and sentences/{wiki_short,wiki_long,questions} {"text"}.

16 real rows per label and as many dev rows; test: validation rows, the same for every seed and arm. gold trains on
--per-label real rows of each label: the same shots, and others drawn from train by the seed; the same dev rows. All
real rows differ from test and dev rows in one text at least. zero_shot depends on no seed and is run once per task.

With FewGen's sets: the first --fewgen-rows of each label as published, and of what curation keeps of the whole set;
where it keeps fewer of a label, every label gives as many as that one. FewGen's authors tuned CTRL (1.6 billion
parameters) on the same shots of the same seed to write them.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import GeneratorConfig, TargetConfig
from dawgen.files import write_json
from experiments.studies.cells import OLD, add_options, run_cells
from experiments.studies.real_data import FIRST_TEXTS, Prepared, Published, prepare, publish
from experiments.studies.real_report import Scores, Table, draw_scores, print_tables

SEEDS = (13, 21, 42, 87, 100)
FEWGEN_SEEDS = (13, 21)
OWN: tuple[str, ...] = ("prompt_tuning", "paired", "dawgen", "gold")
WITH_SET: tuple[str, ...] = ("synthetic_only", "paired", "dawgen")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing and print the tables."""
    options = _parse(arguments)
    out, seeds = options.out, options.seeds
    steps = {"steps": options.steps} if options.steps else {}
    settings = {"target": TargetConfig(model=options.target, **OLD, **steps), "generator": GeneratorConfig(**steps)}
    rows = {"per_label": options.per_label, "test_rows": options.test_rows}
    prepared = [
        one for task in options.tasks for one in prepare(options.data, out, task, seeds, **rows, settings=settings)
    ]
    published = {}
    for one in prepared:
        task, seed = one.key
        if seed in FEWGEN_SEEDS and (options.data / task / f"fewgen-16-{seed}.jsonl.gz").is_file():
            print(f"FewGen's set of {task}, seed {seed}: curating", flush=True)
            published[one.key] = publish(options.data, out, one, rows=options.fewgen_rows)
    sets = {one.key: SetCell(one.config) for one in prepared}
    written = run_cells(sets.values(), out, jobs=options.jobs)
    ready = {key: cell for key, cell in sets.items() if "error" not in written[cell.key]}
    cells = dict(_plan(prepared, ready, published))
    numbers = run_cells(cells.values(), out, jobs=options.jobs)
    scores: Scores = {name: numbers[cell.key] for name, cell in cells.items() if "error" not in numbers[cell.key]}
    own = {key: out / cell.place for key, cell in ready.items()}
    table = Table(scores, {one.key[0]: one.classes for one in prepared}, published, own, options.fewgen_rows)
    print_tables(table)
    write_json(out / "results.json", [_as_record(name, values) for name, values in scores.items()])
    for (task, seed), cell in sets.items():
        if "error" in written[cell.key]:
            print(f"no set of our own for {task}, seed {seed}: {written[cell.key]['error']}")
    if options.plot:
        draw_scores(table, options.plot)


def _plan(
    prepared: Sequence[Prepared], sets: dict[tuple[str, int], SetCell], published: dict[tuple[str, int], Published]
) -> Iterable[tuple[tuple[str, str, str, int], PromptCell]]:
    """Yield (set, method, task, seed) and the cell of every prompt; the set is "own", "raw" or "curated"."""
    asked = set()
    for one in prepared:
        task, seed = one.key
        if task not in asked:
            asked.add(task)
            yield ("own", "zero_shot", task, seed), PromptCell(one.config, "zero_shot")
        yield ("own", "prompt_tuning", task, seed), PromptCell(one.config, "prompt_tuning")
        yield ("own", "gold", task, seed), PromptCell(one.gold, "gold")
        if one.key in sets:
            source = f"{sets[one.key].place}/train.jsonl"
            for method in ("paired", "dawgen"):
                yield ("own", method, task, seed), PromptCell(one.config, method, source)
        if one.key in published:
            for kind in ("raw", "curated"):
                for method in WITH_SET:
                    yield (kind, method, task, seed), PromptCell(one.config, method, getattr(published[one.key], kind))


def _as_record(name: tuple[str, str, str, int], values: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(("set", "method", "task", "seed"), name, strict=True)) | values


def _parse(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--data", type=Path, required=True, help="the folder described above")
    parser.add_argument("--tasks", nargs="+", choices=list(FIRST_TEXTS), default=list(FIRST_TEXTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--per-label", type=int, default=300, help="synthetic, and gold, rows per label")
    parser.add_argument("--test-rows", type=int, default=1000, help="at most so many validation rows per task")
    parser.add_argument("--fewgen-rows", type=int, default=1000, help="rows per label of FewGen's sets")
    parser.add_argument("--target", default="mini-t5", help="the frozen model")
    parser.add_argument("--steps", type=int, help="steps of generators and prompts, to try this script")
    parser.add_argument("--plot", type=Path, help="a PNG file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
