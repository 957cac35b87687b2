"""The page and the tables of the given folders: runs, or a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dawgen.errors import ConfigError
from dawgen.files import write_text
from dawgen.report.grid.page import list_tables, load_grid, render_tables
from dawgen.report.run.page import render_report
from dawgen.report.run.tables import list_run_tables
from dawgen.report.table.core import Table


@dataclass(frozen=True)
class Report:
    """The report of runs or of a grid. page: the whole of it, as `dawgen report` writes it; tables: its tables.

    A notebook shows the tables.
    """

    page: str
    tables: tuple[Table, ...]

    def save(self, path: str | Path) -> None:
        """Write the page, one file with all it needs."""
        write_text(Path(path), self.page)

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables)


def open_report(*folders: str | Path, compare: str | None = None, baseline: str | None = None) -> Report:
    """Return the report of run folders, or of the folder of one grid (`dawgen bench --out`).

    Args:
        folders: runs, one or several of them; or a grid's folder, alone.
        compare: "paper" puts the paper's numbers beside a grid's.
        baseline: the method that a grid's others are held against.

    Returns:
        The page and its tables; at the end of a cell a notebook shows the tables.

    Raises:
        ConfigError: no folder, a mix of runs and a grid, or an option that runs do not have.
        DataError: a folder that is neither, or a damaged file.

    >>> import dawgen
    >>> try:
    ...     dawgen.open_report("no-such-run")
    ... except dawgen.errors.DataError as error:
    ...     print(str(error).partition(":")[0])
    no-such-run
    """
    if not folders:
        raise ConfigError("open_report: expected the folder of a run or of a grid, got none.")
    page, tables = make_report([Path(folder) for folder in folders], compare=compare, baseline=baseline)
    return Report(page, tuple(tables))


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
