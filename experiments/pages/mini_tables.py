"""The tables of a grid from its results.csv alone, as docs/bench.md shows them.

python -m experiments.pages.mini_tables --csv experiments/results/mini.csv
python -m experiments.pages.mini_tables --csv experiments/results/mini.csv --into docs/bench.md

A page has a block for each table: <!-- KEY --> ... <!-- /KEY -->. What the file has no columns for (which test rows
were right, confusion, training curves) is in the grid's own report.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

from dawgen.errors import DataError
from dawgen.report.grid.arms import Arm
from dawgen.report.grid.files import Grid, GridRow
from dawgen.report.grid.significance import (
    contrast_baseline,
    list_baseline_tests,
    list_generator_tests,
    list_surgery_tests,
)
from dawgen.report.grid.sizes import list_sizes
from dawgen.report.grid.tables import list_ablation, list_combination, list_main, list_rules
from dawgen.report.grid.view import list_targets, make_view
from dawgen.report.table.core import Table
from experiments.pages.blocks import show_blocks


def main() -> None:
    """Print the tables, or put them into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--baseline", default="prompt_tuning")
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    options = parser.parse_args()
    show_blocks(make_tables(read_csv(options.csv, options.baseline)), options.into)


def read_csv(path: Path, baseline: str = "prompt_tuning") -> Grid:
    """Return the rows of a results.csv as a grid. Raises DataError for a file that is none."""
    if not path.is_file():
        raise DataError(f"{path}: expected the results.csv of a grid, found no file.")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = tuple(_read_row(row) for row in csv.DictReader(stream))
    return Grid(path.stem, baseline, environment={}, labels={}, rows=rows)


def make_tables(grid: Grid) -> dict[str, Table]:
    """Return the tables by key: of the arms that have all tasks, and of all arms on scenes-nli.

    Keys are as in the report, "nli-" before those of scenes-nli.
    """
    tables: list[tuple[str, Table]] = []
    for target in list_targets(grid):
        one = _choose(grid, [row for row in grid.rows if row.task == "scenes-nli"])
        view = make_view(_choose(grid, _list_core(grid, target)), target)
        contrasts = contrast_baseline(view)
        tables += [
            ("", list_main(view, contrasts)),
            ("", list_baseline_tests(view, contrasts)),
            ("", list_surgery_tests(view)),
            ("", list_generator_tests(view)),
        ]
        if target in list_targets(one):
            view = make_view(one, target)
            tables += [
                ("nli-", table)
                for table in (
                    list_main(view, contrast_baseline(view)),
                    list_ablation(view),
                    list_combination(view),
                    list_rules(view),
                    *list_sizes(one, target),
                    list_surgery_tests(view),
                    list_generator_tests(view),
                )
            ]
    return {prefix + table.key: drop_empty(table) for prefix, table in tables if table.rows}


def drop_empty(table: Table) -> Table:
    """Return the table without columns of which the file knows nothing."""
    known = [n for n in range(len(table.header)) if any(row[n].text != "-" for row in table.rows)]
    rows = tuple(tuple(row[n] for n in known) for row in table.rows)
    return replace(table, header=tuple(table.header[n] for n in known), rows=rows)


def _choose(grid: Grid, rows: list[GridRow]) -> Grid:
    return Grid(grid.name, grid.baseline, grid.environment, grid.labels, tuple(rows))


def _list_core(grid: Grid, target: str) -> list[GridRow]:
    """Return the target's rows of the arms that have all of its tasks."""
    rows = [row for row in grid.rows if row.target == target]
    tasks = {row.task for row in rows}
    has: dict[Arm, set[str]] = {}
    for row in rows:
        has.setdefault(row.arm, set()).add(row.task)
    return [row for row in rows if has[row.arm] == tasks]


def _read_row(row: dict[str, str]) -> GridRow:
    return GridRow(
        task=row["task"],
        target=row["target"],
        method=row["method"],
        schedule=row["schedule"],
        surgery=row["surgery"],
        shots=int(row["shots"]),
        multiple=int(row["multiple"]) if row["multiple"] else None,
        seed=int(row["seed"]),
        key="",
        accuracy=float(row["accuracy"]),
        macro_f1=float(row["macro_f1"]),
        n_test=int(row["n_test"]),
        seconds=float(row["seconds"]),
        confusion=(),
        correct="",
    )


if __name__ == "__main__":
    main()
