"""The tables of runs without a format, for Markdown, LaTeX and CSV, and what a run took and ran on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dawgen.report.run import numbers as tables
from dawgen.report.run.files import Fields, RunFiles, read_run
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_interval, write_share, write_slug

CHANCES = (
    "T: temperature; before: without it. ECE: how far the share right is from the probability of the likeliest label,",
    "the mean over 15 bins of equal width; by chance: about what it would be on so few rows if every probability were",
    "right. Brier: squared distance from the truth, summed over labels, 0 to 2. NLL: in nats. AURC: the mean share of",
    "wrong answers where only the surest rows are answered.",
)
ITEMS = "The interval is Wilson's, of 95 %: it covers which test rows were drawn, not which seed was."


def list_run_tables(run_folders: Sequence[Path]) -> list[Table]:
    """Return all tables of runs that have rows: over runs by task, then methods, dropped rows and cost of each run.

    Raises DataError for a folder without metrics.json or with a damaged file.
    """
    runs = [read_run(Path(folder)) for folder in run_folders]
    joined = tables.join_runs(runs) if len(runs) > 1 else []
    found = [_list_joined(number, row, len(joined)) for number, row in enumerate(joined)]
    for run, ending in zip(runs, _end_keys(runs), strict=True):
        found += [list_methods(run, ending), list_chances(run, ending), list_dropped(run, ending)]
        found.append(list_cost(run, ending))
    return [table for table in found if table.rows]


def list_methods(run: RunFiles, ending: str = "") -> Table:
    """Return accuracy with its item interval, macro-F1 and test rows of each method."""
    rows = [
        [
            row["name"],
            f"{write_share(row['accuracy'])}{write_interval(row['interval'])}",
            write_share(row["macro_f1"]),
            str(row["n_test"] or "-"),
            write_share(row["dev_accuracy"]),
        ]
        for row in tables.list_methods(run.metrics)
    ]
    header = ["method", "accuracy %", "macro-F1 %", "test rows", "dev accuracy %"]
    title = f"Methods on {run.metrics.task}, run {run.name}"
    return make_table(title, header, rows, notes=[ITEMS], key=f"methods{ending}")


def list_chances(run: RunFiles, ending: str = "") -> Table:
    """Return how far the probabilities of each method are right, before and after its temperature."""
    rows = []
    for name, one in run.metrics.methods.items():
        if one.ece is None or one.brier is None or one.nll is None:
            continue
        before = one.untempered or one
        numbers = (before.ece, one.ece, one.ece_noise, one.aurc)
        ece, after, chance, aurc = map(write_share, numbers)
        others = [f"{value:.3f}" for value in (before.brier, one.brier, before.nll, one.nll) if value is not None]
        warm = "-" if one.temperature is None else f"{one.temperature:.2f}"
        rows.append([name, warm, ece, after, chance, *others, aurc, one.tempered or "-"])
    header = ["method", "T", "ECE % before", "after", "by chance", "Brier before", "after", "NLL before", "after"]
    header += ["AURC %", "T from"]
    title = f"Probabilities on {run.metrics.task}, run {run.name}"
    return make_table(title, header, rows, notes=[" ".join(CHANCES)], key=f"probabilities{ending}")


def list_dropped(run: RunFiles, ending: str = "") -> Table:
    """Return how many rows curation dropped for each reason and label."""
    labels, counts = tables.count_dropped(run.dropped)
    rows = [[row["reason"], str(row["total"]), *map(str, row["counts"])] for row in counts]
    return make_table(f"Dropped by curation, run {run.name}", ["reason", "rows", *labels], rows, key=f"dropped{ending}")


def list_cost(run: RunFiles, ending: str = "") -> Table:
    """Return the seconds of every stage and method that this run did itself."""
    of_generator, seconds = run.metrics.seconds, run.metrics.times
    rows = [[f"generator: {part}" if part in of_generator else part, f"{s:.1f}"] for part, s in seconds.items()]
    if len(rows) > 1:
        rows.append(["sum", f"{sum(seconds.values()):.1f}"])
    notes = ["Training and test of methods; stages that an earlier, interrupted run did are not in it."]
    return make_table(f"Seconds, run {run.name}", ["part", "seconds"], rows, notes=notes, key=f"cost{ending}")


def list_environment(config: Fields) -> list[tuple[str, str]]:
    """Return versions, device, threads and models of a run's recorded settings."""
    record = config.get("record") or {}
    facts = [(str(name), str(version)) for name, version in (record.get("versions") or {}).items()]
    facts += [(name, str(record[name])) for name in ("device", "threads") if record.get(name) is not None]
    for role, model in (record.get("models") or {}).items():
        revision = f" at {model['revision']}" if model.get("revision") else ""
        quantised = f" ({model['quantisation']})" if model.get("quantisation") else ""
        facts.append((f"{role} model", f"{model.get('name')}{revision}{quantised}"))
    return facts


def _list_joined(number: int, joined: Fields, count: int) -> Table:
    names = [f"{run.name}, seed {run.metrics.seed}" for run in joined["runs"]]
    several = len(names) > 1
    rows = [
        [
            row["name"],
            *map(write_share, row["cells"]),
            *([write_share(row["mean"]), write_share(row["deviation"])] if several else []),
        ]
        for row in joined["methods"]
    ]
    header = ["method", *names, *(["mean", "standard deviation"] if several else [])]
    mixed = ["These runs differ in more than their seed: mean and standard deviation mix settings."]
    return make_table(
        f"Accuracy in percent on {joined['task']}",
        header,
        rows,
        notes=mixed if joined["mixed"] else [],
        key="runs" if count == 1 else f"runs-{number + 1}-{write_slug(joined['task'])}",
    )


def _end_keys(runs: Sequence[RunFiles]) -> list[str]:
    """Return the runs' names in tables: "" for one run, else the folder's name, with a number if it repeats."""
    if len(runs) == 1:
        return [""]
    slugs = [write_slug(run.name) for run in runs]
    counts = Counter(slugs)
    return [f"-{slug}" if counts[slug] == 1 else f"-{slug}-{place}" for place, slug in enumerate(slugs, 1)]
