"""`dawgen bench` on tiny models: what it says first, what it writes, and how it goes on."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dawgen.bench import predict
from support.grids import write_grid


@pytest.fixture(scope="module", autouse=True)
def brief() -> Iterator[None]:
    """Leave out the measuring of the machine, but in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "CALIBRATION", 0.1)
        yield


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_grid(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def run(grid: Path) -> Path:
    """Run the grid once for all tests that only look at what it leaves."""
    from typer.testing import CliRunner

    from dawgen.cli import app

    out = grid.parent / "run"
    done = CliRunner().invoke(app, ["bench", "--grid", str(grid), "--out", str(out), "--jobs", "1"])
    assert done.exit_code == 0, done.output
    return out


def load(run: Path) -> Any:
    return json.loads((run / "results.json").read_text())


def read_csv(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "results.csv").read_text().splitlines()))


def list_done(run: Path) -> dict[str, int]:
    return {f"{path.parent.name}/{path.name}": path.stat().st_mtime_ns for path in run.glob("[!.]*/*.json")}


def test_a_dry_run_says_cells_and_time_and_writes_nothing(dawgen: Any, grid: Path, tmp_path: Path) -> None:
    status, out, _ = dawgen("bench", "--grid", grid, "--out", tmp_path / "out", "--dry-run", "--jobs", 2)
    assert status == 0
    # zero_shot once; prompt_tuning per seed; eda, dawgen and pooled per seed and size; a set per seed
    assert re.search(r"17 of 17 cells to run: predicted [\d.]+ s of one CPU, [\d.]+ s with 2 at a time", out)
    assert "set: dawgen" in out
    assert not (tmp_path / "out").exists()


def test_a_dry_run_without_the_models_says_why_it_cannot_predict(dawgen: Any, grid: Path, tmp_path: Path) -> None:
    text = grid.read_text()
    (tmp_path / "grid.yaml").write_text(text.replace(str(grid.parent / "t5"), "mini-t5").replace("ctrl", "nowhere"))
    (tmp_path / "nowhere").mkdir()
    status, out, _ = dawgen("bench", "--grid", tmp_path / "grid.yaml", "--data", grid.parent, "--dry-run")
    assert status == 0
    assert "17 of 17 cells to run: time not predicted" in out
    assert "not predicted (17 cells): " in out
    assert "nowhere" in out


def test_results_have_a_row_for_each_arm_size_and_seed(run: Path) -> None:
    rows = read_csv(run)
    found = [(row["method"], row["schedule"], row["multiple"], row["seed"]) for row in rows]
    sized = [("eda", "pooled"), ("dawgen", "paired"), ("dawgen", "pooled")]
    wanted = [("zero_shot", "", "", seed) for seed in "12"] + [("prompt_tuning", "real", "", seed) for seed in "12"]
    wanted += [(*arm, size, seed) for arm in sized for size in "12" for seed in "12"]
    assert sorted(found) == sorted(wanted)
    assert {row["n_test"] for row in rows} == {"12"}
    assert {row["task"] for row in rows} == {"pairs"}


def test_each_row_has_what_tables_and_charts_are_made_of(run: Path) -> None:
    for row in load(run)["rows"]:
        assert row["correct"].count("1") / 12 == pytest.approx(row["accuracy"])
        assert set(row["correct"]) <= set("01")
        assert sum(map(sum, row["confusion"])) == 12
        trained = row["method"] != "zero_shot"
        assert (row["dev_accuracy"] is not None) == trained
        assert ("loss_real" in row["curves"]) == trained
        assert (row["set"] is not None) == (row["method"] == "dawgen")
        assert ("cos" in row["curves"]) == (row["schedule"] == "paired")
        if row["set"]:
            assert (run / row["set"] / "train.jsonl").is_file()
    sets = load(run)["sets"]
    assert [(one["seed"], one["rows"], len(one["samples"])) for one in sets] == [(1, 24, 9), (2, 24, 9)]
    assert load(run)["environment"]["threads_per_cell"] == 1


def test_a_finished_grid_is_read_back(dawgen: Any, grid: Path, run: Path) -> None:
    before = list_done(run)
    assert len(before) == 17
    status, out, _ = dawgen("bench", "--grid", grid, "--out", run, "--jobs", 1, "--json")
    assert status == 0
    assert "0 of 17 cells to run" in out
    assert f"report: {run}/report.html" in out
    last = json.loads(out.splitlines()[-1])
    assert len(last["rows"]) == len(read_csv(run))
    assert list(last["rows"][0]) == list(read_csv(run)[0])
    assert (last["failed"], last["report"]) == ([], f"{run}/report.html")
    assert list_done(run) == before


def test_a_killed_grid_resumes_to_the_same_results_and_loses_only_running_cells(
    dawgen: Any, grid: Path, run: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "dawgen", "bench", "--grid", grid, "--out", tmp_path, "--jobs", "2"]
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while len(list_done(tmp_path)) < 5:
            assert process.poll() is None, "the grid ended before it could be killed"
            time.sleep(0.002)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = list_done(tmp_path)
    assert len(before) < 17
    assert not (tmp_path / "results.csv").exists()
    assert dawgen("bench", "--grid", grid, "--out", tmp_path, "--jobs", 1)[0] == 0
    assert [row | {"seconds": ""} for row in read_csv(tmp_path)] == [row | {"seconds": ""} for row in read_csv(run)]
    assert {name: changed for name, changed in list_done(tmp_path).items() if name in before} == before


def test_only_runs_the_arms_asked_for_and_keeps_the_rest(dawgen: Any, grid: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    for row in load(run)["rows"]:
        if row["method"] in ("prompt_tuning", "eda"):
            (tmp_path / "run" / "prompts" / f"{row['key']}.json").unlink()
    status, out, _ = dawgen("bench", "--grid", grid, "--out", tmp_path / "run", "--only", "eda,zero_shot", "--jobs", 1)
    assert status == 0
    assert "4 of 5 cells to run" in out
    kept = [row for row in load(run)["rows"] if row["method"] != "prompt_tuning"]
    assert [row["key"] for row in load(tmp_path / "run")["rows"]] == [row["key"] for row in kept]
    assert all(a["correct"] == b["correct"] for a, b in zip(load(tmp_path / "run")["rows"], kept, strict=True))


def test_a_failed_cell_is_reported_and_the_rest_goes_on(dawgen: Any, grid: Path, tmp_path: Path) -> None:
    text = grid.read_text().replace("attempts: 200", "attempts: 1").replace("seeds:\n  - 1\n  - 2", "seeds:\n  - 1")
    assert "attempts: 1\n" in text
    (tmp_path / "grid.yaml").write_text(text)
    out = tmp_path / "out"
    status, said, err = dawgen(
        "bench", "--grid", tmp_path / "grid.yaml", "--data", grid.parent, "--out", out, "--jobs", 1
    )
    assert status == 1
    assert "expected 24 synthetic examples, kept" in said
    assert "failed: dawgen set, " in err
    assert {row["method"] for row in load(out)["rows"]} == {"zero_shot", "prompt_tuning", "eda"}
    failed = load(out)["failed"]
    assert len(failed) == 1 + 4
    assert sum("its set" in one["error"] for one in failed) == 4


def test_fresh_starts_again(dawgen: Any, grid: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    status, out, _ = dawgen(
        "bench", "--grid", grid, "--out", tmp_path / "run", "--fresh", "--only", "zero_shot", "--jobs", 1
    )
    assert status == 0
    assert "1 of 1 cells to run" in out
    assert {row["method"] for row in load(tmp_path / "run")["rows"]} == {"zero_shot"}


def test_fresh_leaves_a_folder_of_other_things_alone(dawgen: Any, grid: Path, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    dawgen("bench", "--grid", grid, "--out", tmp_path, "--fresh", "--dry-run", "--only", "zero_shot")
    assert (tmp_path / "sets").is_dir()


def test_an_unknown_engine_or_arm_is_refused(dawgen: Any, grid: Path) -> None:
    assert dawgen("bench", "--grid", grid, "--engine", "rye")[0] == 2
    status, _, err = dawgen("bench", "--grid", grid, "--only", "lorra", "--dry-run")
    assert (status, "did you mean lora" in err) == (2, True)
