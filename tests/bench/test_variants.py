"""Several sets and swept settings: which cells a grid of them makes and runs, what its results and page say."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dawgen.bench import predict
from dawgen.bench.grid import name_set
from dawgen.bench.plan import Plan, make_plan
from dawgen.bench.prompts import PromptCell, check_count, write_raw
from dawgen.bench.read import read_grid
from dawgen.bench.results import collect_results, format_csv
from dawgen.config import RunConfig
from dawgen.data import RowFile, ShardStore
from dawgen.errors import ConfigError, DataError
from dawgen.records import Candidate, Example
from dawgen.report.grid.files import read_grid as read_results
from dawgen.report.grid.page import render_grid
from support.grids import write_grid

FIRST: dict[str, Any] = {"tasks": ["scenes-nli"], "seeds": [1], "shots": [4], "multiples": [2]}
DONE: dict[str, Any] = {"accuracy": 0.5, "macro_f1": 0.5, "n_test": 2, "correct": "10", "seconds": 1.0}


def make(folder: Path, *blocks: dict[str, Any]) -> Plan:
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump({"name": "x", "blocks": [FIRST | block for block in blocks]}))
    return make_plan(read_grid(path))


def test_a_set_as_written_is_read_from_the_curated_ones_texts(tmp_path: Path) -> None:
    (plain,) = make(tmp_path, {"arms": ["dawgen/synthetic"]}).rows.values()
    both = make(tmp_path, {"arms": ["prompt_tuning", "dawgen/synthetic"], "sets": ["curated", "raw"]})
    cells = {(row.method, row.data): cell for row, (cell,) in both.rows.items()}
    assert list(cells) == [("prompt_tuning", ""), ("dawgen", ""), ("dawgen", "raw")]
    assert cells["dawgen", ""].key == plain[0].key
    assert cells["dawgen", "raw"].source == str(plain[0].source).replace("train.jsonl", "raw")
    assert cells["dawgen", "raw"].needs == plain[0].needs
    assert len(both.cells) == 4  # one set


def test_a_file_takes_the_place_of_what_a_generator_writes(tmp_path: Path) -> None:
    for seed in (1, 2):
        (tmp_path / f"mine-{seed}.jsonl").write_text(f"{seed}")
    block = {"arms": ["dawgen/synthetic"], "sets": ["mine-{seed}.jsonl"], "seeds": [1, 2]}
    found = make(tmp_path, block)
    assert [(row.data, cell.given, cell.take) for row, (cell,) in found.rows.items()] == [
        ("mine", str(tmp_path / f"mine-{seed}.jsonl"), 8) for seed in (1, 2)
    ]
    assert len(found.cells) == 2  # no set is written
    key = next(iter(found.cells))
    (tmp_path / "mine-1.jsonl").write_text("other rows")
    assert key not in make(tmp_path, block).cells


def test_a_row_names_a_swept_setting_only_where_its_arm_depends_on_it(tmp_path: Path) -> None:
    sweep = {"target.rate": [0.1, 0.2], "decode.top_k": [5, 10]}
    found = make(tmp_path, {"arms": ["zero_shot", "prompt_tuning", "dawgen"], "sweep": sweep})
    swept = [(row.method, dict(row.sweep)) for row in found.rows]
    assert swept.count(("zero_shot", {})) == 1
    assert [sweep for method, sweep in swept if method == "prompt_tuning"] == [
        {"target.rate": 0.1},
        {"target.rate": 0.2},
    ]
    assert len([sweep for method, sweep in swept if method == "dawgen" and len(sweep) == 2]) == 4
    assert all(len(cells) == 1 for cells in found.rows.values())
    assert len(found.cells) == 1 + 2 + 2 + 4  # zero_shot, prompts, sets, prompts on them


def test_the_default_among_swept_values_is_the_cell_of_a_grid_without_a_sweep(tmp_path: Path) -> None:
    (plain,) = make(tmp_path, {"arms": ["prompt_tuning"]}).rows.values()
    found = make(tmp_path, {"arms": ["prompt_tuning"], "sweep": {"target.rate": [0.1, 0.2]}})
    assert [cell.key == plain[0].key for (cell,) in found.rows.values()] == [False, True]


def test_sizes_may_be_parts_of_a_shot_but_not_of_a_row(tmp_path: Path) -> None:
    found = make(tmp_path, {"arms": ["gold", "dawgen"], "shots": [16], "multiples": [18.75]})
    assert {cell.config.per_label for cell in found.cells.values()} == {300}
    with pytest.raises(ConfigError, match=r"multiples\.0: 18.75 times 3 shots: expected a whole number"):
        make(tmp_path, {"arms": ["gold"], "shots": [3], "multiples": [18.75]})


def test_columns_are_there_only_where_a_grid_has_something_to_say_in_them(tmp_path: Path) -> None:
    plan = make(
        tmp_path,
        {"arms": ["prompt_tuning", "dawgen"], "sets": ["curated", "raw"]},
        {"arms": ["prompt_tuning"], "sweep": {"target.rate": [0.1, 0.2]}},
    )
    found = collect_results(plan, {key: DONE for key in plan.cells if key not in plan.sets}, "local")
    assert found["swept"] == {"target.rate": 0.2}
    lines = list(csv.DictReader(format_csv(found["rows"]).splitlines()))
    assert [(line["method"], line["data"], line["target.rate"]) for line in lines] == [
        ("prompt_tuning", "", ""),
        ("dawgen", "curated", ""),
        ("dawgen", "raw", ""),
        ("prompt_tuning", "", "0.1"),
        ("prompt_tuning", "", "0.2"),
    ]
    old = make(tmp_path, {"arms": ["prompt_tuning"]})
    results = collect_results(old, dict.fromkeys(old.cells, DONE), "local")
    assert "swept" not in results
    assert not {"data", "sweep"} & set(results["rows"][0])


def test_whole_texts_are_taken_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    texts = [("a", True), ("", True), ("b", False), ("c", True), ("d", True)]
    rows = [Candidate(Example("x", text, "yes"), finished=finished) for text, finished in texts]
    ShardStore(tmp_path / "raw", {}).write(0, rows)
    path = write_raw(tmp_path / "raw", tmp_path / "raw.jsonl", 2)
    assert [row.text2 for row in RowFile(path)] == ["a", "c"]


def test_a_file_with_too_few_rows_of_a_label_is_refused() -> None:
    rows = [Example(text, None, text[0]) for text in ("a1", "a2", "b1")]
    check_count(rows, "ab", 1, "mine.jsonl")
    with pytest.raises(DataError, match="mine.jsonl: expected 2 rows of 'b', found 1"):
        check_count(rows, "ab", 2, "mine.jsonl")


def test_sets_are_called_by_what_is_fixed_in_their_names() -> None:
    names = ["curated", "raw", "a/mine.jsonl", "a/{task}-{seed}.jsonl", "fewgen/{task}/published-16-{seed}.jsonl"]
    assert [name_set(name) for name in names] == ["curated", "raw", "mine", "a", "published-16"]


def test_a_cell_without_a_file_has_the_key_that_it_had() -> None:
    config = RunConfig(task="scenes-nli", seed=1)
    assert PromptCell(config, "dawgen", given="nowhere.jsonl").key != PromptCell(config, "dawgen").key
    assert PromptCell(config, "dawgen", given=None).key == PromptCell(config, "dawgen").key


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a tiny grid on curated, raw and given sets, and with two rates."""
    from typer.testing import CliRunner

    from dawgen.cli import app

    folder = tmp_path_factory.mktemp("variants")
    options = {"arms": ["prompt_tuning", "dawgen/synthetic"], "multiples": [1], "sweep": {"target.rate": [0.1, 0.2]}}
    write_grid(folder, sets=["curated", "raw", "train.jsonl"], **options)
    grid = yaml.safe_load((folder / "grid.yaml").read_text())
    grid["settings"] |= {"leaks": "drop"}
    grid["blocks"] += [{name: value for name, value in grid["blocks"][0].items() if name != "sweep"}]
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "CALIBRATION", 0.1)
        command = ["bench", "--grid", str(folder / "grid.yaml"), "--out", str(folder / "run"), "--jobs", "1"]
        done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return folder / "run"


def test_variants_are_run_and_stand_in_tables_of_their_own(run: Path) -> None:
    found = json.loads((run / "results.json").read_text())
    assert {row.get("data", "") for row in found["rows"]} == {"", "raw", "train"}
    grid = read_results(run)
    assert {(row.arm.name, row.seed) for row in grid.rows} == {
        (name, seed) for name in ("prompt_tuning", "dawgen/synthetic") for seed in (1, 2)
    }
    assert len(grid.variants) == 4 + 2 * 2 * 3 + 2 * 2
    page = render_grid(run)
    for words in (
        "Sets beside each other on",
        "raw minus curated",
        "train minus curated",
        "target.rate on",
        "(default)",
    ):
        assert words in page
