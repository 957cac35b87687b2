"""Does a judge that knows the few shots alone make a published set better? Probes with FewGen's sets, whole and judged.

python -m experiments.studies.judged_sets --data DATA --out runs/judged_sets --csv experiments/results/judged_sets.csv

DATA is a folder with TASK/train.jsonl.gz, TASK/validation.jsonl.gz and TASK/fewgen-16-SEED.jsonl.gz. The judge is
logistic regression on the vectors of a sentence encoder; a row stays where it gives the row's label at least chance.
`encoder_probe` reads the same vectors as the judge, `tfidf_probe` none of them. As many rows of the whole set as the
judge leaves are the control: the first of each label. And does choosing pay (`curate.over`)? Of what the judge leaves
of four times as many rows, the likeliest, spread over the shots, against the first. Each cell is a file in the folder;
a cell that is there is not run again.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from dawgen.config import RunConfig
from dawgen.data.items import Item
from dawgen.files import write_json
from dawgen.methods.interface import Given
from dawgen.methods.table import METHODS
from dawgen.models.load import load_target
from dawgen.records import Candidate, Example
from dawgen.runs.curating import open_curator
from dawgen.runs.inputs import Inputs, load_inputs
from experiments.pages.rows import write_rows

TASKS = ("mnli", "qnli", "rte", "mrpc", "qqp")
PROBES = ("encoder_probe", "tfidf_probe")


@dataclass(frozen=True, slots=True)
class Row:
    """One probe on one task and seed. rows: of the set; kept: by the judge. Accuracies: on the shots alone, with the
    whole set, with what the judge left, with as many rows of the whole set, with the first rows (picked: their number)
    that the judge left of `over` times as many, and with as many of these that were chosen."""

    task: str
    seed: int
    probe: str
    rows: int
    kept: int
    alone: float
    whole: float
    judged: float
    fewer: float
    picked: int
    first: float
    chosen: float
    n: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells that are missing, print them and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 21])
    parser.add_argument("--judge", default="minilm")
    parser.add_argument("--per-label", type=int, default=256, help="rows of the set that are taken of each label")
    parser.add_argument("--over", type=float, default=4.0, help="how many times as many rows there are to choose from")
    parser.add_argument("--test-rows", type=int, default=500)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found = []
    for task in options.tasks:
        for seed in options.seeds:
            file = options.out / f"{task}-{seed}.json"
            if not file.exists():
                options.out.mkdir(parents=True, exist_ok=True)
                write_json(file, {"rows": [asdict(row) for row in run_cell(options, task, seed)]})
            found += [Row(**row) for row in json.loads(file.read_text())["rows"]]
            for row in found[-len(PROBES) :]:
                print(*asdict(row).values(), flush=True)
    write_rows(options.csv, Row, found)


def run_cell(options: argparse.Namespace, task: str, seed: int) -> list[Row]:
    """Return one row for each probe."""
    files = {name: str(options.data / task / f"{name}.jsonl.gz") for name in ("train", "validation")}
    config = RunConfig.model_validate(
        {
            "task": task,
            "train": files["train"],
            "test": files["validation"],
            "synthetic": str(options.data / task / f"fewgen-16-{seed}.jsonl.gz"),
            "seed": seed,
            "leaks": "drop",
            "conflicts": "drop",
            # the judge alone: what was published is not curated otherwise
            "curate": {
                "judge": options.judge,
                "over": options.over,
                "near_duplicate": 1.0,
                "echo": 1.0,
                "near_copy": False,
            },
        }
    )
    inputs = load_inputs(config)
    labels, count = inputs.task.labels, options.per_label
    wide = take(inputs.synthetic or (), labels, int(count * options.over))
    curator = open_curator(config, inputs.train, labels, say=print)
    assert curator.opinion is not None and curator.choose is not None
    chances = curator.opinion(wide)
    passed = [row for row, chance in zip(wide, chances, strict=True) if chance * len(labels) >= 1]
    whole, first = take(wide, labels, count), take(passed, labels, count)
    chosen = [passed[place] for place in sorted(curator.choose([Candidate(row) for row in passed], count))]
    within = {id(row) for row in whole}
    judged = [row for row in passed if id(row) in within]
    fewer = [row for label in labels for row in take(whole, [label], sum(row.label == label for row in judged))]
    test = (inputs.test or [])[: options.test_rows]
    found = []
    for probe in PROBES:
        alone, *shares = (measure(probe, inputs, rows, test) for rows in (None, whole, judged, fewer, first, chosen))
        found.append(
            Row(task, seed, probe, len(whole), len(judged), alone, *shares[:3], len(chosen), *shares[3:], len(test))
        )
    return found


def take(rows: Sequence[Example], labels: Sequence[str], count: int) -> list[Example]:
    """Return the first rows of each label."""
    return [row for label in labels for row in [one for one in rows if one.label == label][:count]]


def measure(probe: str, inputs: Inputs, synthetic: Sequence[Example] | None, test: Sequence[Example]) -> float:
    """Return a probe's accuracy on the test rows, with the shots and a set, if there is one."""
    spec = METHODS[probe if synthetic is None else f"{probe}_synthetic"]
    given = Given(task=inputs.task, real=inputs.train, synthetic=synthetic)
    items: list[Item] = list(test)
    predicted = spec.fit(load_target("mini-t5"), given).predict(items)
    return float(sum(own == row.label for own, row in zip(predicted, test, strict=True)) / len(test))


if __name__ == "__main__":
    main()
