"""The tables of a real target, from the rows of finished grids alone."""

from pathlib import Path

from dawgen.bench.plan import make_plan
from dawgen.bench.read import read_grid
from dawgen.bench.results import collect_results
from dawgen.report.table.core import Table
from experiments.pages.blocks import fill_blocks
from experiments.pages.rows import read_rows, write_rows
from experiments.pages.smollm2 import Row, collect_rows, make_blocks
from support.grid_folders import write_results

GRIDS = Path(__file__).parents[3] / "experiments" / "grids"


def fill_folder(name: str, folder: Path) -> Path:
    """Write the results of a grid all of whose cells are done, better where the seed is higher."""
    plan = make_plan(read_grid(GRIDS / f"{name}.yaml", need_files=False))
    numbers = {
        key: {"accuracy": cell.config.seed / 100, "macro_f1": 0.5, "n_test": 1, "correct": "1", "seconds": 60.0}
        for key, cell in plan.cells.items()
    }
    write_results(folder / name, collect_results(plan, numbers, "local"))
    return folder / name


def texts(table: Table, row: int) -> list[str]:
    return [cell.text for cell in table.rows[row]]


def test_every_swept_value_has_a_line_and_its_difference_from_the_base(tmp_path: Path) -> None:
    rows = collect_rows([fill_folder("smollm2_settings", tmp_path)])
    table = make_blocks(rows)["smollm2-settings"]
    swept = {(row.setting, row.value) for row in rows if row.setting}
    assert len(table.rows) == len(swept) + 1
    assert texts(table, 0)[:2] == ["base", "-"]
    assert all(texts(table, line)[-2] == "+0.0 (9)" for line in range(1, len(table.rows)))


def test_rows_are_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    rows = collect_rows([fill_folder("banking77", tmp_path)])
    write_rows(tmp_path / "rows.csv", Row, rows)
    assert read_rows(tmp_path / "rows.csv", Row) == rows
    assert "prompt_tuning" in {texts(make_blocks(rows)["banking77"], line)[0] for line in range(4)}


def test_the_page_is_what_its_rows_say() -> None:
    page, rows = (GRIDS.parents[1] / name for name in ("docs/smollm2.md", "experiments/results/smollm2.csv"))
    assert fill_blocks(page.read_text(), make_blocks(read_rows(rows, Row))) == page.read_text()
