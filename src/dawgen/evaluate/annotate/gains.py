"""The downstream gains of sets, and whether people's ratings predict them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from dawgen.data import read
from dawgen.data.formats import read_table
from dawgen.errors import DataError, suggest
from dawgen.evaluate.annotate.session import hash_rows
from dawgen.report.grid.files import GridRow, read_grid
from dawgen.stats import correlate_ranks, correlate_values
from dawgen.stats.correlation import FEWEST


def read_gains(source: Path, sets: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the gain of each of the session's sets that the source knows, in accuracy (share) or the file's own unit.

    source: a CSV with columns `set` (its name in the session) and `gain`, or the folder of `dawgen bench` that made the
    sets. sets: by name, with the "sha256" of their rows.
    """
    return _read_grid_gains(source, sets) if source.is_dir() else _read_file_gains(source, sets)


def correlate_gains(means: Mapping[str, Mapping[str, float]], gains: Mapping[str, float]) -> dict[str, Any]:
    """Return for each question the correlation of the sets' mean ratings with their gains.

    {"sets": {name: gain}, "text": why there is no number or "", "questions": {question: {"pearson", "spearman"}}}, each
    {"value", "low", "high", "n"} or None where one side is the same for all sets.
    """
    text = "" if len(gains) >= FEWEST else f"too few sets: {len(gains)}, and a correlation needs {FEWEST} or more"
    questions = {}
    for question, by_set in means.items():
        names = [name for name in gains if name in by_set]
        pairs = [by_set[name] for name in names], [gains[name] for name in names]
        pearson, spearman = correlate_values(*pairs), correlate_ranks(*pairs)
        questions[question] = {
            "pearson": pearson and asdict(pearson),
            "spearman": spearman and asdict(spearman),
        }
    return {"sets": dict(gains), "text": text, "questions": questions if not text else {}}


def _read_file_gains(path: Path, sets: Mapping[str, Any]) -> dict[str, float]:
    gains: dict[str, float] = {}
    for record in read_table(path).records:
        for column in ("set", "gain"):
            if column not in record.fields:
                raise DataError(f"{record.where}: expected a column {column!r}; {suggest(column, record.fields)}")
        name = str(record.fields["set"]).strip()
        if name not in sets:
            raise DataError(f"{record.where}: there is no set {name!r} in this session; {suggest(name, sets)}")
        if name in gains:
            raise DataError(f"{record.where}: expected set {name!r} once, found it twice.")
        gains[name] = _parse_gain(record.fields["gain"], record.where)
    return gains


def _parse_gain(value: Any, where: str) -> float:
    try:
        gain = float(value)
    except (TypeError, ValueError):
        gain = float("nan")
    if not abs(gain) < float("inf"):
        raise DataError(f"{where}: expected a number in column 'gain', found {value!r:.40}.")
    return gain


def _read_grid_gains(folder: Path, sets: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return accuracy less that of the grid's baseline on the same seed, averaged over the arms that all sets have.

    An arm is target, schedule, surgery, shots and multiple: sets must not differ in what was done with them.
    """
    grid = read_grid(folder)
    wanted = {facts["sha256"]: name for name, facts in sets.items()}
    names = {}
    for key in dict.fromkeys(row.set for row in grid.rows if row.set):
        path = folder / key / "train.jsonl"
        if path.is_file() and (name := wanted.get(hash_rows(read(path)))):
            names[key] = name
    if not names:
        raise DataError(f"{folder}: none of the session's sets is in this grid. Give their gains as CSV: set,gain.")
    base = {_place(row): row.accuracy for row in grid.rows if row.method == grid.baseline}
    found: dict[str, dict[tuple[object, ...], float]] = {name: {} for name in names.values()}
    for row in grid.rows:
        if row.set in names and _place(row) in base:
            found[names[row.set]][_name_arm(row)] = row.accuracy - base[_place(row)]
    shared = _share_arms(list(found.values()))
    if not shared:
        raise DataError(
            f"{folder}: no target, schedule and surgery was run with all of {', '.join(found)} and with "
            f"{grid.baseline}. Give their gains as CSV: set,gain."
        )
    return {name: fmean(arms[arm] for arm in shared) for name, arms in found.items()}


def _share_arms(found: Sequence[Mapping[tuple[object, ...], float]]) -> list[tuple[object, ...]]:
    return [arm for arm in found[0] if all(arm in arms for arms in found)]


def _place(row: GridRow) -> tuple[object, ...]:
    return row.task, row.target, row.shots, row.seed


def _name_arm(row: GridRow) -> tuple[object, ...]:
    return row.target, row.schedule, row.surgery, row.shots, row.multiple
