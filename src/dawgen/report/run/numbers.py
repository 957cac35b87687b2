"""Numbers of the report's tables.

Wilson interval of an accuracy p over n test rows, z = 1.96:
(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
It says how much the choice of test rows matters for this one prompt; another seed may move more.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any, TypeVar

from dawgen.report.run.files import Fields, RunFiles
from dawgen.report.run.metrics import RunMetrics

T = TypeVar("T")
Z = 1.959964  # 97.5 % quantile of the normal distribution


def find_wilson_interval(p: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share p in [0, 1] seen in n >= 1 rows, for item uncertainty alone."""
    centre, spread = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def list_methods(metrics: RunMetrics) -> list[Fields]:
    """Return one row per method with its accuracy's interval; none is marked best, which one run cannot show."""
    rows = []
    for name, numbers in metrics.methods.items():
        accuracy, n = numbers.accuracy, numbers.n_test
        interval = find_wilson_interval(accuracy, n) if accuracy is not None and n else None
        rows.append(numbers.model_dump() | {"name": name, "interval": interval})
    return rows


def join_runs(runs: Sequence[RunFiles]) -> list[Fields]:
    """Return one table per task: accuracy of each method in each run, with mean and standard deviation over the runs.

    The deviation is the sample's (n - 1), None below two runs. Runs that differ in more than the seed are `mixed`.
    """
    tasks: dict[str, list[RunFiles]] = defaultdict(list)
    for run in runs:
        tasks[run.metrics.task].append(run)
    return [_join_task(task, group) for task, group in tasks.items()]


def count_dropped(dropped: Iterable[Fields]) -> tuple[list[str], list[Fields]]:
    """Return the labels, and one row per reason (most frequent first) with its count for each label."""
    counts = Counter((str(row.get("reason")), str(row.get("label"))) for row in dropped)
    labels = list(dict.fromkeys(label for _, label in counts))
    totals = Counter[str]()
    for (reason, _), count in counts.items():
        totals[reason] += count
    return labels, [
        {"reason": reason, "total": total, "counts": [counts[reason, label] for label in labels]}
        for reason, total in totals.most_common()
    ]


def pick_evenly(rows: Sequence[T], count: int) -> list[T]:
    """Return at most `count` rows, evenly spread over the file, so that early shards do not stand for all."""
    if len(rows) <= count:
        return list(rows)
    return [rows[index * len(rows) // count] for index in range(count)]


def place_by(rows: Iterable[Fields], key: str) -> dict[str, Sequence[int]]:
    """Return the places of the rows by the value of a key, in order of first appearance: 4 bytes for each row."""
    places: dict[str, array[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(str(row.get(key)), array("i")).append(place)
    return dict(places)


def group_by(rows: Sequence[Fields], key: str) -> dict[str, list[Fields]]:
    """Return the rows by the value of a key, in order of first appearance."""
    groups: dict[str, list[Fields]] = defaultdict(list)
    for row in rows:
        groups[str(row.get(key))].append(row)
    return dict(groups)


def list_confusions(metrics: RunMetrics) -> list[Fields]:
    """Return the confusion matrix of each method that has one, for `share_rows`' template."""
    return [
        {"name": name, "rows": share_rows(numbers.confusion, metrics.labels)}
        for name, numbers in metrics.methods.items()
        if numbers.confusion
    ]


def share_rows(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> list[Fields]:
    """Return the rows of a confusion matrix (row: gold label, column: predicted) with each cell's share of its row."""
    return [
        {"label": label, "cells": [{"count": cell, "share": cell / max(1, sum(row))} for cell in row]}
        for label, row in zip(labels, confusion, strict=False)
    ]


def _join_task(task: str, runs: Sequence[RunFiles]) -> Fields:
    methods = dict.fromkeys(name for run in runs for name in run.metrics.methods)
    rows = []
    for name in methods:
        numbers = [run.metrics.methods.get(name) for run in runs]
        cells = [None if one is None else one.accuracy for one in numbers]
        known = [cell for cell in cells if cell is not None]
        rows.append(
            {
                "name": name,
                "cells": cells,
                "mean": mean(known) if known else None,
                "deviation": stdev(known) if len(known) > 1 else None,
            }
        )
    return {"task": task, "runs": runs, "methods": rows, "mixed": len({_find_setting(run) for run in runs}) > 1}


def _find_setting(run: RunFiles) -> str:
    """Return what must be equal for runs to differ by their seed alone."""
    ignored = {"seed", "record", "threads"}
    settings: dict[str, Any] = {key: value for key, value in run.config.items() if key not in ignored}
    return repr(sorted(settings.items())) + repr(run.metrics.shots_per_label)
