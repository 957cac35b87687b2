"""What the docs say of break points and generator costs is what the committed results say."""

import json
from pathlib import Path

import pytest

from dawgen.bench.named import FOLDER
from dawgen.bench.plan import make_plan
from dawgen.bench.read import read_grid
from dawgen.errors import DataError
from dawgen.evaluate.breakpoints.study import study_grid
from experiments.pages import breakpoints, generator_costs
from experiments.pages.blocks import fill_blocks
from experiments.pages.mini_tables import read_csv

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "experiments" / "results"


def test_the_grid_has_what_its_results_have() -> None:
    plan = make_plan(read_grid(FOLDER / "breakpoints.yaml", need_files=False))
    rows = read_csv(RESULTS / "breakpoints.csv").rows
    found = {(r.task, r.target, r.method, r.schedule, r.surgery, r.shots, r.multiple, r.seed) for r in rows}
    assert found == {tuple(row.as_dict().values()) for row in plan.rows}
    assert len(rows) == len(found) == 760


def test_the_page_of_break_points_shows_the_results(tmp_path: Path) -> None:
    study = study_grid(read_csv(RESULTS / "breakpoints.csv"))
    page = (ROOT / "docs" / "breakpoints.md").read_text(encoding="utf-8")
    assert fill_blocks(page, breakpoints.make_blocks(study)) == page
    assert "<!-- findings -->\n**scenes-nli on mini-t5**" in page
    breakpoints.draw_map(study, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(DataError, match="block wrong: expected one of findings"):
        fill_blocks("<!-- wrong -->\n<!-- /wrong -->", breakpoints.make_blocks(study))


def test_the_page_of_costs_shows_the_results(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    blocks = generator_costs.make_blocks(RESULTS / "generator_costs.json")
    assert fill_blocks(page, blocks) == page
    assert "| gain, points | +" in page
    (tmp_path / "wrong.json").write_text(json.dumps({"generators": [{"way": "plain"}], "prices": {}}))
    with pytest.raises(DataError, match="expected the last line of dawgen analyze cost GRID --json"):
        generator_costs.make_blocks(tmp_path / "wrong.json")


def test_the_page_of_costs_shows_the_measured_memory() -> None:
    from benchmarks.speed.memory_model import AIM, Line, render

    page = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    lines = [Line(**line) for line in json.loads((ROOT / "benchmarks" / "speed" / "memory_model.json").read_text())]
    assert render(lines) in page
    assert all(line.holds is (1 / AIM <= line.ratio <= AIM) for line in lines)
