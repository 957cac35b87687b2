"""Tables of facts: the generators' sets, what arms cost, and which cells failed."""

from __future__ import annotations

from statistics import fmean

from dawgen.report.grid.arms import ORDER, describe_variant
from dawgen.report.grid.files import Grid, GridFailure, GridSet
from dawgen.report.grid.view import View
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_range
from dawgen.stats import describe


def list_sets(grid: Grid) -> Table:
    """Return the synthetic sets by task, generator and shots: rows, dropped share, fidelity and seconds."""
    groups: dict[tuple[str, str, int], list[GridSet]] = {}
    for one in grid.sets:
        groups.setdefault((one.task, one.method, one.shots), []).append(one)
    tasks = list(dict.fromkeys(task for task, _, _ in groups))
    order = {method: place for place, method in enumerate(ORDER)}
    rows = []
    for (task, method, shots), sets in sorted(
        groups.items(), key=lambda item: (tasks.index(item[0][0]), order.get(item[0][1], len(order)), item[0][2])
    ):
        fidelities = [one.fidelity for one in sets if one.fidelity is not None]
        rows.append(
            [
                task,
                method,
                str(shots),
                str(len(sets)),
                write_range([one.rows for one in sets]),
                describe([_share_dropped(one) for one in sets]),
                describe(fidelities),
                f"{fmean(one.seconds for one in sets):.0f}",
            ]
        )
    return make_table(
        "Synthetic sets",
        ["task", "generator", "shots", "sets", "rows", "dropped %", "label fidelity %", "seconds"],
        rows,
        notes=[
            "Means ± standard deviation over the sets of all seeds. Dropped: share of the written rows that curation "
            "refused. Label fidelity: share of rows whose label an oracle confirms, - without one. Seconds of "
            "tuning the generator and writing the set."
        ],
        key="sets",
        names=2,
    )


def list_cost(view: View) -> Table:
    """Return seconds per cell and trained numbers of each arm."""
    rows = []
    for arm in view.arms:
        found = list(view.get_rows(arm).values())
        busy = [row.cpu_seconds for row in found if row.cpu_seconds is not None]
        rows.append(
            [
                arm.name,
                str(len(found)),
                write_range([row.trainable for row in found if row.trainable is not None]),
                f"{fmean(row.seconds for row in found):.1f}",
                f"{fmean(busy):.1f}" if busy else "-",
            ]
        )
    return make_table(
        f"Cost on {view.target}",
        ["method", "cells", "trained numbers", "seconds", "processor seconds"],
        rows,
        notes=[
            "Means per cell, training and test together. The generator and its set are made once for all arms of a "
            "task, its shots and seed, and stand in the table of sets."
        ],
        key=f"cost-{view.slug}",
    )


def list_failed(grid: Grid) -> Table:
    """Return the cells that failed, each with the first line of its reason."""
    rows = [
        [
            one.task,
            one.target or "-",
            name_failure(one),
            "-" if one.shots is None else str(one.shots),
            "-" if one.multiple is None else str(one.multiple),
            str(one.seed),
            (one.error.strip() or "no reason given").splitlines()[0],
        ]
        for one in grid.failed
    ]
    return make_table(
        "Failed cells",
        ["task", "target", "method", "shots", "multiple", "seed", "reason"],
        rows,
        notes=["All numbers are without them; running the grid again tries them anew."],
        key="failed",
        names=7,
    )


def name_failure(one: GridFailure) -> str:
    """Return the arm with what sets it apart from the arm as it is, or the set's generator."""
    variant = describe_variant(one.data, one.sweep)
    return (one.arm.name if one.target else f"set of {one.method}") + (f" ({variant})" if variant else "")


def _share_dropped(one: GridSet) -> float:
    dropped = sum((one.dropped or {}).values())
    return dropped / (dropped + one.rows) if dropped + one.rows else 0.0
