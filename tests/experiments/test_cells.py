"""Sets without curation, and experiments on the engine of grids."""

from pathlib import Path

import pytest

from dawgen.bench.cells import Cell
from dawgen.config import RunConfig
from dawgen.data import RowFile, ShardStore
from dawgen.engine.storage import Store
from dawgen.records import Candidate, Example
from experiments.cells import RawSet, run_cells, write_raw
from support.grids import make_toy
from support.jobs import quick_settings, save_models, write_inputs


def test_a_set_without_curation_has_whole_texts_only(tmp_path: Path) -> None:
    texts = [("a", True), ("", True), ("b", False), ("c", True), ("d", True)]
    rows = [Candidate(Example("x", text, "yes"), finished=finished) for text, finished in texts]
    ShardStore(tmp_path / "raw", {}).write(0, rows)
    write_raw(tmp_path, 2)
    assert [row.text2 for row in RowFile(tmp_path / "raw.jsonl")] == ["a", "c"]


def test_a_raw_set_is_no_other_set_and_has_both_files(tmp_path: Path) -> None:
    settings = quick_settings(save_models(tmp_path)) | write_inputs(tmp_path) | {"task": "scenes-topic", "per_label": 2}
    del settings["train"], settings["test"], settings["unlabelled"]
    config = RunConfig.model_validate(settings)
    cell = RawSet(config)
    assert cell.key != Cell(config).key
    numbers = cell.run(Store(tmp_path / "out"))
    for file, name in (("train", "fidelity"), ("raw", "raw_fidelity")):
        assert len(RowFile(tmp_path / "out" / cell.place / f"{file}.jsonl")) == 10
        assert 0 <= numbers[name] <= 1


def test_cells_without_files_are_run_and_failed_ones_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [make_toy("a"), make_toy("b", fails=True)]
    found = run_cells(cells, tmp_path, jobs=1)
    assert found["a"]["accuracy"] == 0.5
    assert found["b"] == {"error": "no rows in b"}
    printed = capsys.readouterr().out
    assert "2 of 2 cells to run" in printed
    assert "no rows in b" in printed
    run_cells(cells[:1], tmp_path, jobs=1)
    assert capsys.readouterr().out == ""
