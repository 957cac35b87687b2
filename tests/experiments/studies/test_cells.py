"""Sets without curation, and experiments on the engine of grids."""

from pathlib import Path
from typing import Any

import pytest

from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.data import RowFile
from dawgen.engine.storage import Store
from dawgen.errors import DataError
from experiments.studies.cells import RawSet, run_cells
from support.jobs import quick_settings, save_models, write_inputs


def test_a_raw_set_is_no_other_set_and_has_both_files(tmp_path: Path) -> None:
    settings = quick_settings(save_models(tmp_path)) | write_inputs(tmp_path) | {"task": "scenes-topic", "per_label": 2}
    del settings["train"], settings["test"], settings["unlabelled"]
    config = RunConfig.model_validate(settings)
    cell = RawSet(config)
    assert cell.key != SetCell(config).key
    numbers = cell.run(Store(tmp_path / "out"))
    for file, name in (("train", "fidelity"), ("raw", "raw_fidelity")):
        assert len(RowFile(tmp_path / "out" / cell.place / f"{file}.jsonl")) == 10
        assert 0 <= numbers[name] <= 1


class Stub(PromptCell):
    """A cell that trains nothing; one of many shots fails."""

    def run(self, store: Store) -> dict[str, Any]:
        if self.config.shots > 16:
            raise DataError("no such rows")
        return {"accuracy": 0.5}


def test_cells_without_files_are_run_and_failed_ones_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [Stub(RunConfig(task="scenes-nli", shots=shots), "lora") for shots in (16, 17)]
    found = run_cells(cells, tmp_path, jobs=1)
    assert found[cells[0].key]["accuracy"] == 0.5
    assert found[cells[1].key] == {"error": "no such rows"}
    printed = capsys.readouterr().out
    assert "2 of 2 cells to run" in printed
    assert "no such rows" in printed
    run_cells(cells[:1], tmp_path, jobs=1)
    assert capsys.readouterr().out == ""
