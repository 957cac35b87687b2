"""A grid's folder made by hand: made-up numbers in the form that `dawgen bench` writes them."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dawgen.bench.plan import make_plan
from dawgen.bench.prompts import PromptCell
from dawgen.bench.read import read_grid
from dawgen.bench.results import collect_results

LABELS = {"scenes-nli": ["entailment", "neutral", "contradiction"], "sick": ["yes", "it is not clear"]}
EVIL = '<script>alert("x")</script> & $more$'
ARMS: tuple[tuple[str, str, str], ...] = (
    ("zero_shot", "", ""),
    ("in_context", "", ""),
    ("lora", "real", ""),
    ("prompt_tuning", "real", ""),
    ("gold", "real", ""),
    ("fewgen", "paired", "none"),
    ("fewgen", "paired", "project"),
    ("fewgen", "pooled", ""),
    ("dawgen", "synthetic", ""),
    ("dawgen", "paired", "none"),
    ("dawgen", "paired", "project"),
)
STRENGTH = {"zero_shot": 0.40, "in_context": 0.44, "lora": 0.55, "prompt_tuning": 0.52, "gold": 0.86}
WITH_SET = ("zero_generation", "plain", "fewgen", "dawgen", "eda", "gold")
GENERATORS = ("zero_generation", "plain", "fewgen", "dawgen")
TEST_ROWS = 60

Row = dict[str, Any]


def make_grid(
    folder: Path,
    *,
    tasks: Sequence[str] = ("scenes-nli", "sick"),
    targets: Sequence[str] = ("mini-t5", "mini-flan"),
    arms: Sequence[tuple[str, str, str]] = ARMS,
    seeds: Sequence[int] = (13, 21, 42),
    sizes: bool = True,
    failed: bool = True,
) -> Path:
    """Write a grid's results.json and grid.yaml, and return its folder.

    sizes: other shots and multiples of two arms too; failed: one cell that ended with an error.
    """
    places = [(task, target, *arm, 16, 16) for task in tasks for target in targets for arm in arms]
    if sizes:
        sized = [arm for arm in (("prompt_tuning", "real", ""), ("dawgen", "paired", "project")) if arm in arms]
        places += [(tasks[0], targets[0], *arm, shots, 16) for arm in sized for shots in (8, 32, 64)]
        places += [(tasks[0], targets[0], *arm, 16, times) for arm in sized[1:] for times in (1, 4, 64)]
    rows = [make_row(*place, seed) for place in places for seed in seeds]
    reason = f"ShortfallError: expected 256 texts, got 31 {EVIL}"
    lost = {**name_cell(tasks[0], targets[0], "ppt", "real", "", 16, None, seeds[0]), "error": reason}
    kinds = list(dict.fromkeys(arm[0] for arm in arms if arm[0] in GENERATORS))
    results = {
        "name": "handmade",
        "baseline": "prompt_tuning",
        "environment": {
            "dawgen": "0.1.0",
            "python": "3.11.9",
            "torch": "2.9.0",
            "transformers": "5.5.0",
            "machine": "a processor",
            "threads_per_cell": 1,
            "engine": "local",
        },
        "labels": {task: LABELS.get(task, ["a", "b"]) for task in tasks},
        "rows": rows,
        "sets": [make_set(task, kind, seed) for task in tasks for kind in kinds for seed in seeds],
        "failed": [lost] if failed else [],
        "dev_choices": 1,
    }
    write_results(folder, results)
    (folder / "grid.yaml").write_text("name: handmade\n", encoding="utf-8")
    return folder


def fill_folder(grid: Path, folder: Path) -> Path:
    """Write the results of a real grid all of whose cells are done, better where the seed is higher."""
    plan = make_plan(read_grid(grid, need_files=False))
    numbers = {
        key: {"accuracy": cell.config.seed / 100, "macro_f1": 0.5, "n_test": 1, "correct": "1", "seconds": 60.0}
        for key, cell in plan.cells.items()
        if isinstance(cell, PromptCell)
    }
    write_results(folder / grid.stem, collect_results(plan, numbers, "local"))
    return folder / grid.stem


def write_results(folder: Path, results: Row) -> None:
    """Write results.json, which a test may have changed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


def read_results(folder: Path) -> Row:
    """Read results.json as it is."""
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def name_cell(
    task: str, target: str, method: str, schedule: str, surgery: str, shots: int, multiple: int | None, seed: int
) -> Row:
    """Return the fields that name a cell."""
    cell: Row = {"task": task, "target": target, "method": method, "schedule": schedule, "surgery": surgery}
    return {**cell, "shots": shots, "multiple": multiple if method in WITH_SET else None, "seed": seed}


def make_row(
    task: str, target: str, method: str, schedule: str, surgery: str, shots: int, multiple: int, seed: int
) -> Row:
    """Return one tested cell, its numbers drawn by its name."""
    rng = random.Random(f"{task} {target} {method} {schedule} {surgery} {shots} {multiple} {seed}")
    share = STRENGTH.get(method, 0.62 if method == "fewgen" else 0.66)
    share += {"project": 0.06, "none": 0.03}.get(surgery.split(":")[0], 0.0) + 0.02 * (shots.bit_length() - 5)
    share += 0.01 * (multiple.bit_length() - 5) + rng.gauss(0, 0.02) - (0.08 if task == "sick" else 0.0)
    labels = len(LABELS.get(task, "ab"))
    correct = "".join("1" if rng.random() < share else "0" for _ in range(TEST_ROWS))
    confusion = [[0] * labels for _ in range(labels)]
    for number, right in enumerate(correct):
        gold = number % labels
        confusion[gold][gold if right == "1" else (gold + 1) % labels] += 1
    trained = schedule != ""
    return {
        **name_cell(task, target, method, schedule, surgery, shots, multiple, seed),
        "key": f"{rng.getrandbits(48):012x}",
        "accuracy": correct.count("1") / TEST_ROWS,
        "macro_f1": correct.count("1") / TEST_ROWS - 0.01,
        "n_test": TEST_ROWS,
        "seconds": 40.0 if trained else 2.0,
        "cpu_seconds": 39.0 if trained else 1.9,
        "confusion": confusion,
        "correct": correct,
        "dev_accuracy": 0.75 if trained else None,
        "n_dev": 16 * labels if trained else None,
        "looks": 5 if trained else None,
        "trainable": (0 if not trained else 57_000_000 if method == "lora" else 6400),
        "set": "sets/abc" if method in GENERATORS else None,
        "fidelity": 0.81 if method in GENERATORS and task == "scenes-nli" else None,
        "curves": make_curves(schedule, surgery, rng) if trained else {},
        "warnings": [],
    }


def make_curves(schedule: str, surgery: str, rng: random.Random) -> Row:
    """Return the windows' means that a training of this schedule logs."""
    steps = [10 * (number + 1) for number in range(15)]
    curves: Row = {"step": steps}
    if schedule != "synthetic":
        curves["loss_real"] = [1.1 * 0.9**n + 0.02 * rng.random() for n in range(15)]
    if schedule in {"synthetic", "pooled", "paired"}:
        curves["loss_synthetic"] = [1.2 * 0.92**n + 0.02 * rng.random() for n in range(15)]
    if schedule == "paired":
        curves["cos"] = [0.2 * rng.random() - 0.05 for _ in steps]
        curves["conflict"] = [0.3 + 0.1 * rng.random() for _ in steps]
    if surgery not in {"", "none"}:
        curves["removed"] = [0.1 + 0.05 * rng.random() for _ in steps]
    return curves


def make_set(task: str, method: str, seed: int) -> Row:
    """Return what results.json says of one synthetic set."""
    labels = LABELS.get(task, ["a", "b"])
    return {
        "task": task,
        "method": method,
        "shots": 16,
        "seed": seed,
        "key": f"{method}{seed}",
        "rows": 256 * len(labels),
        "fidelity": 0.8 if task == "scenes-nli" else None,
        "dropped": {"copy": 31, "near_duplicate": 7},
        "seconds": 310.0,
        "samples": [
            {"text1": f"a man sits {n}", "text2": EVIL if n == 1 else "someone rests", "label": label}
            for label in labels
            for n in range(3)
        ],
    }
