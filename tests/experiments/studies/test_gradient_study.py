"""The gradient study: the page shows the committed results, and the command makes them from nothing."""

import json
import re
from pathlib import Path

import pytest

from dawgen.data import as_row
from dawgen.errors import DataError
from dawgen.scenes import draw_data
from experiments.pages.blocks import fill_blocks
from experiments.studies.gradient_study import SEEDS, main, make_blocks
from support.jobs import write_rows
from support.tiny import save_tiny

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "experiments" / "results" / "gradients.json"


def test_the_page_shows_the_results() -> None:
    page, found = (ROOT / "docs" / "gradients.md").read_text(), json.loads(RESULTS.read_bytes())
    assert fill_blocks(page, make_blocks(found)) == page
    assert tuple(found["seeds"]) == SEEDS
    assert found["reproduced"] == {"paired": [True] * 5, "dawgen": [True] * 5}
    assert (ROOT / "docs" / "images" / "gradients.png").read_bytes()[:4] == b"\x89PNG"


def test_a_block_that_is_unknown_is_refused() -> None:
    found = json.loads(RESULTS.read_bytes())
    filled = fill_blocks("a\n<!-- sentences -->\nstale\n<!-- /sentences -->\nb", make_blocks(found))
    assert "stale" not in filled
    assert found["sentences"][0] in filled
    with pytest.raises(DataError, match="expected one of sentences"):
        fill_blocks("<!-- wrong -->\n<!-- /wrong -->", make_blocks(found))


def test_the_command_runs_from_nothing_and_reads_its_own_analysis_back(tmp_path: Path) -> None:
    model = save_tiny("t5", tmp_path / "t5")
    rows = draw_data("scenes-nli", 5, shots=8).train
    given = write_rows(tmp_path / "set.jsonl", map(as_row, rows))
    settings = [f"target.model={model}", f"synthetic={given}", "target.steps=3", "target.batch_size=3"]
    settings += ["target.prompt_length=2", "shots=2"]
    page, results, plot = (tmp_path / name for name in ("page.md", "gradients.json", "plot.png"))
    page.write_text("<!-- conflict-paired -->\n<!-- /conflict-paired -->\n")
    call = ["--out", str(tmp_path / "out"), "--results", str(results), "--seeds", "1"]
    call += [part for setting in settings for part in ("--set", setting)]
    main([*call, "--plot", str(plot), "--into", str(page)])
    found = json.loads(results.read_bytes())
    assert (found["seeds"], found["steps"]) == ([1], 3)
    assert re.search(r"\| synthetic rows \| \d", page.read_text())
    assert plot.read_bytes()[:4] == b"\x89PNG"
    done = tmp_path / "out" / "analysis" / "gradients.json"
    done.write_text(json.dumps(found | {"task": "read back"}))
    main(call)
    assert json.loads(results.read_bytes())["task"] == "read back"
