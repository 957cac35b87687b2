"""The results of a grid: results.csv and results.json, read from the files of its cells."""

from __future__ import annotations

import csv
import io
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import TYPE_CHECKING, Any

import dawgen
from dawgen.bench.cells import UNREAD
from dawgen.bench.grid import Grid
from dawgen.bench.plan import Plan
from dawgen.bench.prompts import PromptCell
from dawgen.engine.work import read_work
from dawgen.report.grid.arms import GENERATORS, Arm, describe_variant
from dawgen.tasks import Task

if TYPE_CHECKING:
    from dawgen.engine.storage import Store

COLUMNS = (
    "task",
    "target",
    "method",
    "schedule",
    "surgery",
    "shots",
    "multiple",
    "seed",
    "accuracy",
    "macro_f1",
    "n_test",
    "seconds",
)
# What a row of results.json has of a prompt's numbers, and what it has where a method gives none.
NUMBERS: dict[str, Any] = {
    "accuracy": None,
    "macro_f1": None,
    "n_test": 0,
    "seconds": 0.0,
    "cpu_seconds": 0.0,
    "confusion": [],
    "correct": "",
    "dev_accuracy": None,
    "n_dev": None,
    "looks": None,
    "trainable": None,
    "fidelity": None,
    "curves": {},
    "warnings": [],
    "notes": [],
}
OF_SETS = ("rows", "fidelity", "dropped", "seconds", "samples")
Numbers = Mapping[str, Mapping[str, Any]]


def collect_results(plan: Plan, numbers: Numbers, engine: str) -> dict[str, Any]:
    """Return the content of results.json. numbers: by key, those of finished cells and {"error"} of failed ones.

    If blocks give a row several cells, the dev set chooses: the one with the best dev accuracy counts.
    """
    rows, failed = [], []
    for row, cells in plan.rows.items():
        done = [cell for cell in cells if "error" not in numbers.get(cell.key, {"error": ""})]
        if done:
            best = max(done, key=lambda cell: numbers[cell.key].get("dev_accuracy") or 0.0)
            rows.append(row.as_dict() | _show_prompt(best, numbers[best.key]))
        reasons = [numbers[cell.key]["error"] for cell in cells if "error" in numbers.get(cell.key, {})]
        failed += [row.as_dict() | {"error": reason} for reason in reasons]
    sets = []
    for key, row in plan.sets.items():
        name = {"task": row.task, "method": row.method, "shots": row.shots, "seed": row.seed, "key": key}
        if swept := {each: value for each, value in row.sweep if each.partition(".")[0] not in UNREAD}:
            name["sweep"] = swept
        if "error" in numbers.get(key, {}):
            failed.append(name | {"error": numbers[key]["error"]})
        elif key in numbers:
            sets.append(name | {field: numbers[key][field] for field in OF_SETS})
    tasks = dict.fromkeys(name for block in plan.grid.blocks for name in block.tasks)
    defaults = list_swept(plan.grid)
    return {
        "name": plan.grid.name,
        "baseline": plan.grid.baseline,
        "environment": describe_environment(engine),
        "labels": {task.name: list(task.labels) for task in map(Task.load, tasks)},
        "rows": rows,
        "sets": sets,
        "failed": failed,
        "dev_choices": max(len(cells) for cells in plan.rows.values()),
    } | ({"swept": defaults} if defaults else {})


def list_swept(grid: Grid) -> dict[str, Any]:
    """Return the settings that blocks sweep, each with the value that it has otherwise; None where blocks differ."""
    found: dict[str, set[Any]] = {}
    for block in grid.blocks:
        for name in block.sweep:
            value: Any = grid.resolve(block)
            for part in name.split("."):
                value = getattr(value, part)
            found.setdefault(name, set()).add(value)
    return {name: values.pop() if len(values) == 1 else None for name, values in found.items()}


def read_numbers(plan: Plan, store: Store) -> dict[str, dict[str, Any]]:
    """Return the numbers of all finished cells."""
    return {key: read_work(store, cell.file) for key, cell in plan.cells.items() if cell.is_done(store)}


def write_results(store: Store, results: Mapping[str, Any]) -> None:
    """Write results.json and results.csv."""
    store.write_json("results.json", results)
    store.write_text("results.csv", format_csv(results["rows"]))


def format_csv(rows: list[dict[str, Any]]) -> str:
    """Return the rows of results.csv: shares with 4 digits, seconds with 1."""
    stream, more = io.StringIO(), list_more(rows)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow((*COLUMNS, *more))
    for row in rows:
        shown = row | {name: f"{row[name]:.4f}" for name in ("accuracy", "macro_f1")}
        shown |= {"seconds": f"{row['seconds']:.1f}", "multiple": "" if row["multiple"] is None else row["multiple"]}
        writer.writerow([*(shown[column] for column in COLUMNS), *(show_more(row, column) for column in more)])
    return stream.getvalue()


def list_more(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the columns that only grids with several sets or swept settings have."""
    rows = list(rows)
    data = ["data"] if any("data" in row for row in rows) else []
    return [*data, *dict.fromkeys(name for row in rows for name in row.get("sweep", {}))]


def show_more(row: Mapping[str, Any], column: str) -> Any:
    """Return such a column of a row, "" where it says nothing of it."""
    if column == "data":
        return row.get("data") or ("curated" if row["method"] in GENERATORS else "")
    return row.get("sweep", {}).get(column, "")


def average_rows(rows: list[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield task, target, arm, shots, multiple ("" for none), mean accuracy and seeds, in the order of the rows."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        arm = Arm(row["method"], row["schedule"], row["surgery"]).name
        if variant := describe_variant(row.get("data", ""), row.get("sweep", {})):
            arm = f"{arm} ({variant})"
        name = (row["task"], row["target"], arm, row["shots"], "" if row["multiple"] is None else row["multiple"])
        found.setdefault(name, []).append(row["accuracy"])
    for name, values in found.items():
        yield *name, fmean(values), len(values)


def summarise_results(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the grid's name, the columns of results.csv of each row, and the failures: what --json prints."""
    more = list_more(results["rows"])
    rows = [
        {column: row[column] for column in COLUMNS} | {column: show_more(row, column) for column in more}
        for row in results["rows"]
    ]
    return {"name": results["name"], "rows": rows, "failed": results["failed"]}


def count_failures(results: Mapping[str, Any]) -> Counter[str]:
    """Return how many rows and sets failed for each reason."""
    return Counter(row["error"] for row in results["failed"])


def describe_environment(engine: str) -> dict[str, Any]:
    """Return the versions and the machine that made the numbers."""
    return {
        "dawgen": dawgen.__version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "transformers": version("transformers"),
        "machine": name_machine(),
        "threads_per_cell": 1,
        "engine": engine,
    }


def _show_prompt(cell: PromptCell, numbers: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: numbers.get(name, default) for name, default in NUMBERS.items()}
    if "quantisation" in numbers:
        shown["quantisation"] = numbers["quantisation"]
    return {"key": cell.key} | shown | {"set": str(PurePosixPath(cell.source).parent) if cell.source else None}


def name_machine() -> str:
    """Return the processor's name."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
