"""`dawgen report` on runs and on a grid, with its tables."""

from pathlib import Path
from typing import Any

from support.grid_folders import make_grid
from support.run_folders import make_run

ARMS = [("prompt_tuning", "real", ""), ("dawgen", "paired", "project")]


def test_a_grid_is_reported_with_all_its_tables(dawgen: Any, tmp_path: Path) -> None:
    folder = make_grid(tmp_path / "grid", tasks=["sick"], targets=["mini-t5"], arms=ARMS, sizes=False)
    options = ("--compare", "paper", "--baseline", "dawgen", "--tables", tmp_path / "tables")
    status, out, _ = dawgen("report", folder, *options)
    assert status == 0
    assert out.splitlines()[0] == str(folder / "report.html")
    assert "Differences to dawgen on mini-t5" in (folder / "report.html").read_text()
    names = {path.stem for path in (tmp_path / "tables").iterdir()}
    assert {"main-mini-t5", "significance-mini-t5", "paper", "sets", "failed"} <= names
    endings = {path.suffix for path in (tmp_path / "tables").iterdir() if path.stem == "main-mini-t5"}
    assert endings == {".md", ".tex", ".csv"}


def test_runs_are_reported_with_all_their_tables(dawgen: Any, tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, seed=seed) for name, seed in (("a", 13), ("b", 21))]
    status, _, _ = dawgen("report", *runs, "--out", tmp_path / "page.html", "--tables", tmp_path / "tables")
    assert status == 0
    assert "<h1>2 runs</h1>" in (tmp_path / "page.html").read_text()
    text = (tmp_path / "tables" / "runs.md").read_text()
    assert "| dawgen | 70.0 | 70.0 | 70.0 | 0.0 |" in text


def test_an_option_of_grids_is_refused_for_runs(dawgen: Any, tmp_path: Path) -> None:
    status, _, err = dawgen("report", make_run(tmp_path / "run"), "--baseline", "lora")
    assert status != 0
    assert "--baseline lora: expected a grid's folder" in " ".join(err.split())
