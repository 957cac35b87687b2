"""`dawgen analyze breakpoints` and `dawgen analyze cost` on a grid of tiny models, and what is wrong said plainly."""

import json
from pathlib import Path
from typing import Any

import pytest

from dawgen.bench import predict
from dawgen.config import RunConfig
from dawgen.errors import ConfigError
from dawgen.evaluate.costs.grid import read_facts
from support.grids import write_grid

FIGURES = ("--tflops", "0.1", "--bandwidth", "10", "--device", "cpu", "--watts", "10", "--hour", "2")
ARMS = ["prompt_tuning", "dawgen/paired", "dawgen"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_grid(tmp_path_factory.mktemp("breakpoints"), arms=ARMS, shots=[2, 4], multiples=[1])


@pytest.fixture(scope="module")
def run(grid: Path) -> Path:
    """Run the grid once, and look for its break points."""
    from typer.testing import CliRunner

    from dawgen.cli import app

    out = grid.parent / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "CALIBRATION", 0.1)
        CliRunner().invoke(app, ["bench", "--grid", str(grid), "--out", str(out), "--jobs", "1"])
        done = CliRunner().invoke(app, ["analyze", "breakpoints", str(out)])
    assert done.exit_code == 0, done.output
    assert "Surgery (dawgen against dawgen/paired)" in done.output
    return out


def test_a_finished_grid_is_read_and_left_as_it_is(dawgen: Any, run: Path, tmp_path: Path) -> None:
    assert (run / "results.json").is_file()
    stamps = {path: path.stat().st_mtime_ns for path in run.glob("*/*.json")}
    status, out, err = dawgen("analyze", "breakpoints", run, "--out", tmp_path, "--least", "1", "--json")
    assert status == 0, err
    found = json.loads(out.splitlines()[-1])
    assert found["least"] == 0.01
    assert found["seeds"] == [1, 2]
    assert {row["sizes"][-1] for row in found["breaks"] if row["question"] == "synthetic"} == {4}
    assert Path(found["report"]) == tmp_path / "breakpoints.html"
    assert {path.name for path in tmp_path.glob("[!.]*")} == {
        f"breakpoints.{ending}" for ending in ("html", "csv", "json")
    }
    assert stamps == {path: path.stat().st_mtime_ns for path in run.glob("*/*.json")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "expected one FOLDER, a finished grid of dawgen bench, got none"),
        (("a", "b"), "got a and b"),
        (("nowhere",), "nowhere: expected a grid's folder with results.json"),
        (("--task", "scenes-nli"), "dawgen bench --grid breakpoints --out runs/breakpoints\n"),
        (("--grid", "x.yaml", "--out", "runs/x"), "--grid: a finished grid is read here"),
        (("nowhere", "--shots=4"), "--shots: a finished grid is read here"),
        (("nowhere", "--laest", "1"), "no such option: --laest; expected --out, --least or --json"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(dawgen: Any, options: tuple[str, ...], message: str) -> None:
    status, _, err = dawgen("analyze", "breakpoints", *options)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_a_damaged_grid_is_named_with_its_file(dawgen: Any, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"name": "x"')
    status, _, err = dawgen("analyze", "breakpoints", tmp_path)
    assert status == 2
    assert str(tmp_path / "results.json") in err


def test_the_cost_of_generators_is_what_the_grid_measured(dawgen: Any, run: Path) -> None:
    status, out, err = dawgen(
        "analyze", "cost", run, *FIGURES, "--api-in", "1", "--api-out", "3", "--currency", "EUR", "--json"
    )
    assert status == 0, err
    found = json.loads(out.splitlines()[-1])
    costs = {one["way"]: one for one in found["generators"]}
    assert list(costs) == ["untuned", "plain", "weighted", "dawgen", "api"]
    assert {way: one["measured"] for way, one in costs.items()} == {
        "untuned": False,
        "plain": False,
        "weighted": False,
        "dawgen": True,
        "api": False,
    }
    facts = read_facts(run).kinds["dawgen"]
    mine = costs["dawgen"]
    assert mine["seconds"] == pytest.approx(facts.tuning + facts.writing * mine["rows"])
    assert mine["texts"] == pytest.approx(mine["rows"] / facts.kept)
    assert mine["energy"] == pytest.approx(10 * mine["seconds"] / 3600)
    assert mine["money"] == pytest.approx(2 * mine["seconds"] / 3600)
    assert costs["api"]["money"] == pytest.approx((costs["api"]["tokens_in"] + 3 * costs["api"]["tokens_out"]) / 1e6)
    assert facts.gain is not None
    assert mine["gain"] == pytest.approx(100 * facts.gain.mean)
    assert costs["weighted"]["gain"] is None
    assert "Measured on pairs" in out
    assert "EUR per hour" in out


def test_costs_of_a_task_that_the_grid_lacks_are_refused(dawgen: Any, run: Path) -> None:
    with pytest.raises(ConfigError, match="--task sick: expected one that the grid has sets of, which are pairs on"):
        read_facts(run, "sick")
    status, _, err = dawgen("analyze", "cost", run, *FIGURES, "--api-in", "1")
    assert status == 2
    assert "--api-in and --api-out: expected both" in err


def test_the_settings_of_a_grid_are_those_of_its_sets(run: Path) -> None:
    facts = read_facts(run)
    assert isinstance(facts.config, RunConfig)
    assert (facts.config.shots, facts.multiple, facts.config.per_label) == (2, 1, 2)
    assert (facts.arm.schedule, facts.arm.surgery) == ("paired", "project")
    assert facts.config.generator.kind == "dawgen"
