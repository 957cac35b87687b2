"""The facts of a grid: one for each task, target, number of shots and seed, with an arm as a method."""

from __future__ import annotations

from pathlib import Path

from dawgen.evaluate.doctor.facts import Facts, MethodFacts, SetFacts
from dawgen.report.grid.arms import GENERATORS
from dawgen.report.grid.files import GridRow, read_grid

NOTE = "a grid: sets, training rows and leaks are not looked at again; give a set to dawgen audit"


def read_grid_facts(folder: Path) -> list[Facts]:
    """Return the facts of a grid's results.json. Raises DataError where there is none or it is damaged."""
    grid = read_grid(folder)
    groups: dict[tuple[str, str, int | None, int], list[GridRow]] = {}
    for row in grid.rows:
        groups.setdefault((row.task, row.target, row.shots, row.seed), []).append(row)
    return [
        Facts(
            run=f"{grid.name}: {task}, {target}, {shots} shots, seed {seed}",
            task=task,
            target=target,
            seed=seed,
            shots=shots,
            labels=grid.labels.get(task, ()),
            methods={name_arm(row): _read_row(row) for row in rows if not row.arm.probe},
            notes=(NOTE,),
        )
        for (task, target, shots, seed), rows in groups.items()
    ] + [
        Facts(
            run=f"{grid.name}: set {one.key} ({one.task}, {one.method}, seed {one.seed})",
            task=one.task,
            seed=one.seed,
            shots=one.shots,
            labels=grid.labels.get(one.task, ()),
            set=SetFacts(rows=one.rows, labels={}, kind=one.method, fidelity=one.fidelity),
        )
        for one in grid.sets
    ]


def name_arm(row: GridRow) -> str:
    """Return the arm as a grid file names it, with its multiple of the real rows where it has a set."""
    return row.arm.name + ("" if row.multiple is None else f" x{row.multiple}")


def _read_row(row: GridRow) -> MethodFacts:
    curves = row.curves or {}
    met = [
        (conflict, removed)
        for conflict, removed in zip(curves.get("conflict", ()), curves.get("removed", ()), strict=True)
        if conflict is not None and removed is not None
    ]
    steps = [step for step in curves.get("step", ()) if step is not None]
    real = [loss for loss in curves.get("loss_real", ()) if loss is not None]
    return MethodFacts(
        name=name_arm(row),
        schedule=row.schedule,
        synthetic=row.method in GENERATORS,
        surgery=row.surgery.partition(":")[0] or "none",
        confusion=row.confusion,
        correct=row.correct,
        dev_accuracy=row.dev_accuracy,
        n_dev=row.n_dev or 0,
        looks=row.looks or 0,
        losses=tuple(real or [loss for loss in curves.get("loss_synthetic", ()) if loss is not None]),
        steps=int(max(steps, default=0)),
        conflict=sum(conflict for conflict, _ in met) / len(met) if met else None,
        removed=sum(removed for _, removed in met) / len(met) if met else None,
    )
