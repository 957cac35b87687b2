"""The grids that come with the experiments, and the tables that the docs show of them."""

import csv
from importlib import resources
from pathlib import Path

import pytest

from dawgen.bench.named import FOLDER
from dawgen.bench.plan import make_plan
from dawgen.bench.read import read_grid
from dawgen.errors import DataError
from dawgen.report.grid.arms import Arm
from experiments.pages.blocks import fill_blocks
from experiments.pages.mini_tables import make_tables, read_csv

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "experiments" / "results" / "mini.csv"
COLUMNS = "task,target,method,schedule,surgery,shots,multiple,seed,accuracy,macro_f1,n_test,seconds"


def test_the_paper_grid_has_a_cell_for_every_row_of_the_paper() -> None:
    plan = make_plan(read_grid(FOLDER / "paper.yaml", need_files=False))
    targets = {"t5-large": "google/t5-large-lm-adapt", "flan-t5-large": "google/flan-t5-large"}
    there = {(row.task, row.target, row.arm) for row in plan.rows}
    published = csv.DictReader(resources.files("dawgen.report.grid").joinpath("paper.csv").read_text().splitlines())
    wanted = {
        (row["task"], targets[row["target"]], Arm(row["method"], row["schedule"], row["surgery"]))
        for row in published
        if row["method"] != "optima" and row["task"] != "average"  # OPTIMA: another paper's method, cited there
    }
    assert len(wanted) > 250
    assert wanted <= there


def test_the_mini_grid_has_what_its_results_have() -> None:
    plan = make_plan(read_grid(FOLDER / "mini.yaml", need_files=False))
    rows = read_csv(RESULTS).rows
    found = {(r.task, r.target, r.method, r.schedule, r.surgery, r.shots, r.multiple, r.seed) for r in rows}
    assert found == {tuple(row.as_dict().values()) for row in plan.rows}
    assert len(found) == len(rows)
    assert RESULTS.read_text().splitlines()[0] == COLUMNS


def test_the_page_shows_the_results() -> None:
    page = (ROOT / "docs" / "bench.md").read_text()
    assert fill_blocks(page, make_tables(read_csv(RESULTS))) == page


def test_a_block_that_is_no_table_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text(f"{COLUMNS}\nscenes-nli,mini-t5,prompt_tuning,real,,16,,13,0.5000,0.4000,600,1.0\n")
    tables = make_tables(read_csv(file))
    filled = fill_blocks("before\n<!-- nli-main-mini-t5 -->\nstale\n<!-- /nli-main-mini-t5 -->\nafter", tables)
    assert "| prompt_tuning | 50.0 |" in filled
    assert "stale" not in filled
    assert (filled.startswith("before\n"), filled.endswith("\nafter")) == (True, True)
    with pytest.raises(DataError, match="expected one of main-mini-t5"):
        fill_blocks("<!-- wrong -->\n<!-- /wrong -->", tables)
    with pytest.raises(DataError, match="found no file"):
        read_csv(tmp_path / "none.csv")
