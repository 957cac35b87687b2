"""Grids whose accuracies a test chooses, and what their tables say."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from dawgen.report.grid.files import Grid, read_grid
from dawgen.report.table.core import Table
from support.grid_folders import Row, make_grid, read_results, write_results

TUNED, FULL = ("prompt_tuning", "real", ""), ("dawgen", "paired", "project")
Score = Callable[[str, str, int], float]  # task, "method/surgery", seed -> accuracy


def read_scored(
    folder: Path, score: Score, *, tasks: Sequence[str], arms: Sequence[tuple[str, str, str]], seeds: Sequence[int]
) -> Grid:
    """Return a grid of one target whose accuracies (of 60 rows) are given by `score`."""
    make_grid(folder, tasks=tasks, targets=["mini-t5"], arms=arms, seeds=seeds, sizes=False, failed=False)
    results = read_results(folder)
    for row in results["rows"]:
        set_accuracy(row, score(row["task"], "/".join(filter(None, (row["method"], row["surgery"]))), row["seed"]))
    write_results(folder, results)
    return read_grid(folder)


def set_accuracy(row: Row, accuracy: float) -> None:
    """Give a row an accuracy, and answers that have it to the nearest of its test rows."""
    rights = round(accuracy * row["n_test"])
    answers = ["1"] * rights + ["0"] * (row["n_test"] - rights)
    random.Random(row["key"]).shuffle(answers)
    row |= {"accuracy": accuracy, "macro_f1": accuracy / 2, "correct": "".join(answers)}


def find_table(tables: Sequence[Table], key: str) -> Table:
    """Return the table of that key."""
    return next(table for table in tables if table.key == key)


def find_row(table: Table, *names: str) -> dict[str, str]:
    """Return the texts of the row that begins with the names, by column."""
    for row in table.rows:
        texts = [cell.text for cell in row]
        if texts[: len(names)] == list(names):
            return dict(zip(table.header, texts, strict=True))
    raise AssertionError(f"{table.key} has no row {names}")


def list_bold(table: Table) -> list[tuple[str, str]]:
    """Return the first cell and the column of every bold cell."""
    return [
        (row[0].text, name) for row in table.rows for name, cell in zip(table.header, row, strict=True) if cell.bold
    ]
