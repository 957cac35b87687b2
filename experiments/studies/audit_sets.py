"""The audit of the ten sets that FewGen published, and of ours for the same tasks.

    python -m experiments.studies.audit_sets --data DATA --grid runs/mini --grid runs/audit_mnli
    python -m experiments.pages.audit_tables --into docs/audit.md

DATA holds TASK/train, TASK/validation and TASK/fewgen-16-SEED .jsonl.gz; --grid is a folder that `dawgen bench` wrote:
its sets of 16 shots by dawgen and fewgen (FewGen's recipe on mini-ctrl) count. As a yardstick 500 real rows of each
task are audited as if they were a set; they are left out of the real rows that sets are held against.

Every set of a task has the same judge, which learns from the train file but those 500 rows and is measured on the
validation file, and is held against the same 1,000 of these rows (what the distances take at most). A set that the CSV
has is not measured again. About a minute a set.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dawgen.data import read
from dawgen.evaluate.audit.job import Against, Look, audit_examples
from dawgen.files import write_text
from dawgen.models.load import load_target
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.tasks import Task

TASKS = ("mnli", "mrpc", "qnli", "qqp", "rte")
PUBLISHED = (13, 21)
METHODS = ("fewgen", "dawgen")
SHOTS = 16
YARDSTICK = 500  # real rows that are audited as a set
REAL = 1000  # real rows that sets are held against; the judge learns from the others too
SEED = 13  # of the audit itself
JUDGED = ("agreement", "corrected", "corrected_low", "corrected_high", "misfit", "tells")
COLUMNS = (
    "task",
    "source",
    "seed",
    "rows",
    "judge",
    "judge_rows",
    "judge_accuracy",
    "judge_low",
    "judge_high",
    "judge_n",
    "judge_chance",
    *JUDGED,
    "copies",
    "copies_worst",
    "near_copies_worst",
    "duplicates",
    "mmd",
    "mmd_chance",
    "mmd_p",
    "energy",
    "energy_p",
    "auc",
    "auc_p",
    "mauve",
    "mauve_low",
    "mauve_high",
    "self_bleu",
    "self_bleu_real",
    "vendi",
    "vendi_real",
    "text2_alone",
    "text2_alone_real",
    "rule",
    "rule_accuracy",
    "rule_majority",
    "rule_transfer",
    "test_pairs",
    "warnings",
    "seconds",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A set to audit. source: "published", "fewgen", "dawgen" or "real"; path: None for real rows."""

    task: str
    source: str
    seed: int
    path: Path | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Audit what the CSV does not have yet; it is written anew after every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--grid", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("experiments/results/audit.csv"))
    parser.add_argument("--target", default="mini-t5", help="whose encoder makes the vectors")
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    rows = read_csv(options.out) if options.out.is_file() else []
    for name in options.tasks:
        known = {(row["task"], row["source"], int(row["seed"])) for row in rows}
        missing = [one for one in list_sets(name, options) if (one.task, one.source, one.seed) not in known]
        if missing:
            for row in audit_task(name, missing, options):
                rows.append(row)
                write_text(options.out, format_csv(rows))
                print(f"{row['task']} {row['source']} {row['seed']}: {row['seconds']} s", flush=True)


def list_sets(task: str, options: argparse.Namespace) -> list[Found]:
    """Return the sets of a task that are there: real rows, FewGen's published ones, and ours of every grid."""
    published = [
        Found(task, "published", seed, options.data / task / f"fewgen-16-{seed}.jsonl.gz") for seed in PUBLISHED
    ]
    ours = [
        Found(task, one["method"], one["seed"], grid / "sets" / one["key"] / "train.jsonl")
        for grid in options.grid
        for one in json.loads((grid / "results.json").read_bytes())["sets"]
        if one["task"] == task and one["method"] in METHODS and one["shots"] == SHOTS
    ]
    ours.sort(key=lambda one: (METHODS.index(one.source), one.seed))
    return [Found(task, "real", SEED, None), *(one for one in published if one.path and one.path.is_file()), *ours]


def audit_task(name: str, sets: Sequence[Found], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row of the CSV for each set."""
    task, target = Task.load(name), load_target(options.target)
    gold = read(options.data / name / "train.jsonl.gz", task=task)
    test = read(options.data / name / "validation.jsonl.gz", task=task)
    yardstick, left = split_real(gold)
    real, others = left[:REAL], left[REAL:]
    for one in sets:
        begin = time.perf_counter()
        rows = yardstick if one.path is None else read(one.path, task=task)
        mauve = min(len(rows), len(real)) >= 200
        against = Against(real, {"test": test}, others)
        numbers = audit_examples(task, rows, against, target, Look(SEED, mauve=mauve))
        yield flatten(one, numbers) | {"seconds": round(time.perf_counter() - begin, 1)}


def split_real(rows: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Return the rows that are audited as a set, at most a fifth, and the others; both in random order."""
    places = python_rng(SEED, "yardstick").sample(range(len(rows)), min(YARDSTICK, len(rows) // 5))
    others = python_rng(SEED, "others").sample(sorted(set(range(len(rows))) - set(places)), len(rows) - len(places))
    return [rows[place] for place in places], [rows[place] for place in others]


def flatten(one: Found, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the CSV's row of an audit, but for its seconds."""
    judge = numbers["label_correctness"]["judge"] or {}
    matched, real = numbers["diversity"]["matched"], numbers["diversity"]["real"]
    artefacts, rule = numbers["artefacts"], numbers["artefacts"]["rule"] or {}
    alone, mauve = artefacts["hypothesis_only"] or {}, numbers["mauve"] or {}
    copies, near = numbers["copy_share_by_label"], numbers["near_copies"]["by_label"]
    repeated = sum(numbers["duplicates"][kind]["share"] for kind in ("exact", "near"))
    return {
        "task": one.task,
        "source": one.source,
        "seed": one.seed,
        "rows": numbers["rows"],
        "judge": judge.get("name"),
        "judge_rows": judge.get("trained_on"),
        **{f"judge_{name}": judge.get(name) for name in ("accuracy", "low", "high", "chance")},
        "judge_n": judge.get("n_test"),
        **{name: judge.get(name) for name in JUDGED},
        "copies": numbers["copy_share"],
        "copies_worst": max(share or 0.0 for share in copies.values()),
        "near_copies_worst": max(share or 0.0 for share in near.values()),
        "duplicates": repeated,
        "mmd": numbers["mmd"]["value"],
        "mmd_chance": numbers["mmd"]["chance"],
        "mmd_p": numbers["mmd"]["p"],
        "energy": numbers["energy"]["value"],
        "energy_p": numbers["energy"]["p"],
        "auc": numbers["c2st"]["auc"],
        "auc_p": numbers["c2st"]["p"],
        "mauve": mauve.get("value"),
        "mauve_low": mauve.get("low"),
        "mauve_high": mauve.get("high"),
        "self_bleu": matched["self_bleu"],
        "self_bleu_real": real["self_bleu"],
        "vendi": matched["vendi"],
        "vendi_real": real["vendi"],
        "text2_alone": alone.get("accuracy"),
        "text2_alone_real": alone.get("real_accuracy"),
        "rule": rule.get("text"),
        **{f"rule_{name}": rule.get(name) for name in ("accuracy", "majority", "transfer")},
        "test_pairs": numbers["leaks"]["test"]["pairs"],
        "warnings": " | ".join(numbers["warnings"]),
    }


def format_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the CSV has them: shares and distances with 4 digits."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{value:.4f}" if isinstance(value, float) else value for key, value in row.items()})
    return stream.getvalue()


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the CSV's rows as text."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    main()
