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
    swept = {(row.setting, row.value) for row in rows if row.setting and row.method == "prompt_tuning"}
    assert len(table.rows) == len(swept) + 1
    assert texts(table, 0)[:2] == ["base", "-"]
    assert all(texts(table, line)[-2] == "+0.0 (9)" for line in range(1, len(table.rows)))


def test_a_weight_is_held_against_the_shots_alone_on_the_same_tasks_and_seeds() -> None:
    def make(method: str, seed: int, accuracy: float, setting: str = "", value: str = "") -> Row:
        return Row("smollm2_settings", "sst2", method, setting, value, seed, accuracy, 0.5, 200, 60.0)

    rows = [make("prompt_tuning", seed, 0.5) for seed in (1, 2)]
    rows += [make("dawgen", seed, 0.6, "epsilon", "2") for seed in (1, 2)] + [make("dawgen", 1, 0.4, "epsilon", "0.5")]
    rows += [make("prompt_tuning", 1, 0.9, "rate", "0.8"), make("dawgen", 1, 0.9, "placement", "behind")]
    table = make_blocks(rows)["smollm2-weights"]
    assert [texts(table, line) for line in range(3)] == [
        ["0", "50.0 ± 0.0 (2)", "-"],
        ["0.5", "40.0 (1)", "-10.0 (1)"],
        ["2", "60.0 ± 0.0 (2)", "+10.0 (2)"],
    ]


def test_rows_are_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    rows = collect_rows([fill_folder(FOLDER / "banking77.yaml", tmp_path)])
    write_rows(tmp_path / "rows.csv", Row, rows)
    assert read_rows(tmp_path / "rows.csv", Row) == rows
    assert "prompt_tuning" in {texts(make_blocks(rows)["banking77"], line)[0] for line in range(4)}


def test_the_page_is_what_its_rows_say() -> None:
    page, rows = (ROOT / name for name in ("docs/smollm2.md", "experiments/results/smollm2.csv"))
    assert fill_blocks(page.read_text(), make_blocks(read_rows(rows, Row))) == page.read_text()
