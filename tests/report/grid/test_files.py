"""Reading results.json: whole, or a message that says what is wrong where."""

import json
from pathlib import Path
from typing import Any

import pytest

from dawgen.errors import DataError
from dawgen.report.grid.arms import Arm, shorten_name
from dawgen.report.grid.files import read_grid
from support.grid_folders import make_grid, read_results, write_results


def test_everything_of_a_folder_is_read(tmp_path: Path) -> None:
    grid = read_grid(make_grid(tmp_path))
    results = read_results(tmp_path)
    assert (len(grid.rows), len(grid.sets)) == (len(results["rows"]), len(results["sets"]))
    assert grid.rows[-1].accuracy == results["rows"][-1]["accuracy"]
    assert grid.rows[-1].arm == Arm("dawgen", "paired", "project")
    assert grid.sets[0].dropped == {"copy": 31, "near_duplicate": 7}
    assert grid.failed[0].arm.name == "ppt"
    assert grid.labels["sick"] == ("yes", "it is not clear")


def test_unknown_fields_of_a_newer_version_are_passed_over(tmp_path: Path) -> None:
    results = read_results(make_grid(tmp_path))
    results["rows"][0]["new"] = results["new"] = 1
    write_results(tmp_path, results)
    assert len(read_grid(tmp_path).rows) == len(results["rows"])


DAMAGE: list[tuple[str, Any, str]] = [
    ("accuracy", "high", r"rows.3.accuracy: Input should be a valid number, got 'high'"),
    ("accuracy", 1.2, r"rows.3 \(scenes-nli, .*, seed 13\): expected accuracy in \[0, 1\], got 1.2"),
    ("macro_f1", float("nan"), r"expected macro_f1 in \[0, 1\], got nan"),
    ("correct", "01", "a 0 or 1 for each of 60 test rows, got 2 characters"),
    ("correct", "x" * 60, "a 0 or 1 for each of 60 test rows"),
    ("seed", "13", "rows.3.seed: Input should be a valid integer"),
]


@pytest.mark.parametrize(("field", "value", "message"), DAMAGE)
def test_damaged_rows_are_named(tmp_path: Path, field: str, value: Any, message: str) -> None:
    results = read_results(make_grid(tmp_path))
    results["rows"][3][field] = value
    write_results(tmp_path, results)
    with pytest.raises(DataError, match=message):
        read_grid(tmp_path)


def test_a_cell_that_comes_twice_is_damage(tmp_path: Path) -> None:
    results = read_results(make_grid(tmp_path))
    results["rows"].append(results["rows"][0])
    write_results(tmp_path, results)
    with pytest.raises(DataError, match="expected each cell once"):
        read_grid(tmp_path)


def test_a_missing_field_a_cut_file_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    results = read_results(make_grid(tmp_path))
    del results["rows"][0]["task"]
    write_results(tmp_path, results)
    with pytest.raises(DataError, match="rows.0.task: Field required"):
        read_grid(tmp_path)
    (tmp_path / "results.json").write_text(json.dumps(results)[:500])
    with pytest.raises(DataError, match="the file: Invalid JSON"):
        read_grid(tmp_path)
    with pytest.raises(DataError, match="give the --out of dawgen bench"):
        read_grid(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("arm", "name"),
    [
        (Arm("lora", "real", ""), "lora"),
        (Arm("eda", "pooled", ""), "eda"),
        (Arm("fewgen", "pooled", ""), "fewgen/pooled"),
        (Arm("plain", "paired", "none"), "plain/paired"),
        (Arm("dawgen", "paired", "none"), "dawgen/paired"),
        (Arm("dawgen", "paired", "project"), "dawgen"),
        (Arm("dawgen", "paired", "project:token"), "dawgen/paired/project:token"),
    ],
)
def test_arms_have_the_names_of_grid_files(arm: Arm, name: str) -> None:
    assert arm.name == name


def test_baselines_may_be_written_in_full() -> None:
    assert shorten_name("dawgen/paired/project") == "dawgen"
    assert shorten_name("fewgen/paired/none") == "fewgen/paired"
    assert shorten_name("prompt_tuning") == "prompt_tuning"
