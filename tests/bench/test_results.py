"""What a grid found, as its files say it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dawgen.bench.plan import Plan, make_plan
from dawgen.bench.read import read_grid
from dawgen.bench.results import COLUMNS, average_rows, collect_results, count_failures, format_csv, read_numbers
from dawgen.engine.storage import Store

DONE: dict[str, Any] = {"accuracy": 0.61234, "macro_f1": 0.5, "n_test": 4, "seconds": 1.26, "cpu_seconds": 1.0}
SET: dict[str, Any] = {"rows": 12, "fidelity": 0.8, "dropped": {"copy": 2}, "seconds": 3.0, "samples": [], "kept": 12}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    block = {"tasks": ["scenes-nli"], "seeds": [1, 2], "shots": [4], "multiples": [2], "arms": ["lora", "dawgen"]}
    other = block | {"arms": ["lora"], "settings": {"baselines": {"lora_lr": 0.5}}}
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump({"name": "x", "blocks": [block, other]}))
    return make_plan(read_grid(path))


def test_columns_and_digits_are_those_that_tables_read() -> None:
    row = dict.fromkeys(COLUMNS, "a") | DONE | {"multiple": None}
    assert format_csv([row]) == (
        "task,target,method,schedule,surgery,shots,multiple,seed,accuracy,macro_f1,n_test,seconds\n"
        "a,a,a,a,a,a,,a,0.6123,0.5000,4,1.3\n"
    )


def test_rows_are_of_cells_that_are_done_and_failed_ones_have_their_reason(plan: Plan) -> None:
    numbers: dict[str, dict[str, Any]] = {}
    for row, cells in plan.rows.items():
        if row.method == "dawgen":
            numbers[cells[0].key] = {"error": "no luck"} if row.seed == 2 else DONE | {"fidelity": 0.7}
    for key, row in plan.sets.items():
        numbers[key] = {"error": "too few"} if row.seed == 2 else SET
    found = collect_results(plan, numbers, "local")
    (row,) = found["rows"]
    assert (row["method"], row["seed"], row["accuracy"], row["fidelity"]) == ("dawgen", 1, 0.61234, 0.7)
    assert row["set"] in {f"sets/{key}" for key in plan.sets}
    assert [(one["seed"], one["rows"], "kept" in one) for one in found["sets"]] == [(1, 12, False)]
    assert {(one["method"], one["seed"], one["error"]) for one in found["failed"]} == {
        ("dawgen", 2, "no luck"),
        ("dawgen", 2, "too few"),
    }
    assert found["labels"] == {"scenes-nli": ["entailment", "neutral", "contradiction"]}
    assert count_failures(found) == {"no luck": 1, "too few": 1}


def test_the_dev_set_chooses_among_settings_and_their_number_is_said(plan: Plan) -> None:
    row, cells = next((row, cells) for row, cells in plan.rows.items() if row.method == "lora")
    numbers = {
        cells[0].key: DONE | {"dev_accuracy": 0.6},
        cells[1].key: DONE | {"dev_accuracy": 0.7, "accuracy": 0.1},
    }
    found = collect_results(plan, numbers, "local")
    assert found["dev_choices"] == 2
    assert [(one["seed"], one["accuracy"]) for one in found["rows"]] == [(row.seed, 0.1)]


def test_numbers_are_read_from_the_files_of_done_cells(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    key, cell = next(iter(plan.cells.items()))
    store.write_json(cell.file, DONE)
    assert read_numbers(plan, store) == {key: DONE}


def test_means_are_over_seeds() -> None:
    name = {
        "task": "t",
        "target": "m",
        "method": "lora",
        "schedule": "real",
        "surgery": "",
        "shots": 4,
        "multiple": None,
    }
    rows = [name | {"accuracy": value} for value in (0.25, 0.75)]
    assert [tuple(map(str, one)) for one in average_rows(rows)] == [("t", "m", "lora", "4", "", "0.5", "2")]
