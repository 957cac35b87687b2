"""The page and the tables of the given folders: runs, or a grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dawgen.errors import ConfigError
from dawgen.report.grid.page import list_tables, load_grid, render_tables
from dawgen.report.run.page import render_report
from dawgen.report.run.tables import list_run_tables
from dawgen.report.table.core import Table


def make_report(
    folders: Sequence[Path], *, compare: str | None = None, baseline: str | None = None
) -> tuple[str, list[Table]]:
    """Return the page about one grid's folder or any number of run folders, and all its tables.

    compare, baseline: as in `render_grid`; only a grid has them.
    Raises ConfigError for a mix of both or an option that does not apply, DataError for what is neither.
    """
    grids = [folder for folder in folders if (Path(folder) / "results.json").is_file()]
    if not grids:
        for option, value in (("compare", compare), ("baseline", baseline)):
            if value is not None:
                raise ConfigError(
                    f"--{option} {value}: expected a grid's folder, got runs; give the --out of dawgen bench."
                )
        return render_report(folders), list_run_tables(folders)
    if len(folders) > 1:
        raise ConfigError(f"{grids[0]} is a grid's folder: expected it alone, got {len(folders)} folders.")
    grid = load_grid(grids[0], baseline=baseline)
    tables = list_tables(grid, compare=compare)
    return render_tables(grid, tables), tables
