"""The table of probes, from the rows of a finished grid alone."""

from pathlib import Path

from dawgen.bench.named import FOLDER
from experiments.pages.blocks import fill_blocks
from experiments.pages.probes import Row, collect_rows, list_tasks, make_blocks
from experiments.pages.rows import read_rows, write_rows
from experiments.studies import judged_sets
from support.grid_folders import fill_folder

ROOT = Path(__file__).parents[3]


def test_a_task_has_a_line_and_a_set_is_compared_on_its_own_seeds(tmp_path: Path) -> None:
    rows = collect_rows([fill_folder(FOLDER / "probes.yaml", tmp_path)])
    lines = {line[0].text: [cell.text for cell in line] for line in list_tasks(rows).rows}
    assert len(lines) == 12
    assert lines["sick"][1:] == ["", *["52.6 ± 39.1 (5)"] * 2, "25.3 ± 15.0 (3)", "-", "-", "50.0 ± 0.0 (5)"]
    assert lines["qqp"][5] == "17.0 ± 5.7 (2), +0.0"  # seeds 13 and 21, as accurate as the seed is high
    write_rows(tmp_path / "rows.csv", Row, rows)
    assert read_rows(tmp_path / "rows.csv", Row) == rows


def test_the_page_is_what_its_rows_say() -> None:
    page, results = ROOT / "docs" / "probes.md", ROOT / "experiments" / "results"
    blocks = make_blocks(
        read_rows(results / "probes.csv", Row), read_rows(results / "judged_sets.csv", judged_sets.Row)
    )
    assert fill_blocks(page.read_text(), blocks) == page.read_text()
