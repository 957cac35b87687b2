"""The tables of a real target, from the rows of finished grids alone."""

from pathlib import Path

from dawgen.bench.named import FOLDER
from dawgen.report.table.core import Table
from experiments.pages.blocks import fill_blocks
from experiments.pages.rows import read_rows, write_rows
from experiments.pages.smollm2 import Row, collect_rows, make_blocks
from support.grid_folders import fill_folder

ROOT = Path(__file__).parents[3]


def texts(table: Table, row: int) -> list[str]:
    return [cell.text for cell in table.rows[row]]


def test_every_swept_value_has_a_line_and_its_difference_from_the_base(tmp_path: Path) -> None:
    rows = collect_rows([fill_folder(FOLDER / "smollm2_settings.yaml", tmp_path)])
    table = make_blocks(rows)["smollm2-settings"]
    swept = {(row.setting, row.value) for row in rows if row.setting}
    assert len(table.rows) == len(swept) + 1
    assert texts(table, 0)[:2] == ["base", "-"]
    assert all(texts(table, line)[-2] == "+0.0 (9)" for line in range(1, len(table.rows)))


def test_rows_are_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    rows = collect_rows([fill_folder(FOLDER / "banking77.yaml", tmp_path)])
    write_rows(tmp_path / "rows.csv", Row, rows)
    assert read_rows(tmp_path / "rows.csv", Row) == rows
    assert "prompt_tuning" in {texts(make_blocks(rows)["banking77"], line)[0] for line in range(4)}


def test_the_page_is_what_its_rows_say() -> None:
    page, rows = (ROOT / name for name in ("docs/smollm2.md", "experiments/results/smollm2.csv"))
    assert fill_blocks(page.read_text(), make_blocks(read_rows(rows, Row))) == page.read_text()
