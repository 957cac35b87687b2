"""The table that minis are chosen by."""

from pathlib import Path
from typing import Any

import pytest

from dawgen.bench.prompts import PromptCell
from experiments.studies import minis_table


def test_failed_cells_are_left_out_of_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_cells(cells: list[Any], out: Path, *, jobs: int) -> dict[str, Any]:
        numbers: dict[str, Any] = {}
        for cell in cells:
            if isinstance(cell, PromptCell):
                numbers[cell.key] = {"accuracy": 0.5 + 0.1 * cell.config.seed}
            elif cell.config.generator.kind == "untuned":
                numbers[cell.key] = {"error": "too few rows"}
            else:
                numbers[cell.key] = {"raw_fidelity": 0.8}
        return numbers

    monkeypatch.setattr(minis_table, "run_cells", run_cells)
    arguments = [
        "minis_table",
        "--out",
        str(tmp_path),
        "--tasks",
        "scenes-nli",
        "--seeds",
        "1",
        "2",
        "--targets",
        "mini-t5",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    minis_table.main()
    printed = capsys.readouterr().out
    # zero_shot depends on no seed: one cell, here with the numbers of the last
    assert "| mini-t5 | scenes-nli | 70.0 ± 0.0 (70, 70) | 65.0 ± 7.1 (60, 70) | 65.0 ± 7.1 (60, 70) |" in printed
    assert "| mini-ctrl | scenes-nli | - | 80.0 ± 0.0 (80, 80) |" in printed
