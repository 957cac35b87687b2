"""The figure of settings: a panel for each swept one, from the grid's results alone."""

from pathlib import Path

import pytest

from dawgen.bench.named import FOLDER
from dawgen.bench.plan import make_plan
from dawgen.bench.read import read_grid
from dawgen.bench.results import collect_results
from experiments.pages import sensitivity
from experiments.pages.sensitivity import AXES
from support.grid_folders import write_results


def test_the_grids_have_a_panel_for_every_setting_with_its_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    for name in ("sensitivity", "sensitivity_sizes"):
        plan = make_plan(read_grid(FOLDER / f"{name}.yaml"))
        numbers = {
            key: {"accuracy": 0.5, "macro_f1": 0.5, "n_test": 1, "correct": "1", "seconds": 1.0}
            for key in plan.cells
            if key not in plan.sets
        }
        folders.append(tmp_path / name)
        write_results(folders[-1], collect_results(plan, numbers, "local"))
    drawn = []
    real = sensitivity.draw_panels
    monkeypatch.setattr(sensitivity, "draw_panels", lambda panels, path: (drawn.extend(panels), real(panels, path)))
    sensitivity.main([*map(str, folders), "--plot", str(tmp_path / "plot.png")])
    assert [panel.name for panel in drawn] == list(AXES)
    assert all(panel.default in panel.values for panel in drawn)
    both = {panel.name for panel in drawn if "prompt_tuning" in panel.arms}
    assert both == {"target.lr", "target.steps", "target.batch_size", "target.prompt_length"}
    assert drawn[0].arms["dawgen"][0.3] == [0.5] * 3
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
