"""What a prompt's cell shows: curves, and the rows that it takes of a set and of the test set."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dawgen.bench import prompts
from dawgen.bench.plan import make_plan
from dawgen.bench.prompts import TEXTS, PromptCell, draw_curves, load_cell, take_rows
from dawgen.bench.read import read_grid
from dawgen.config import RunConfig
from dawgen.engine.storage import Store
from dawgen.engine.work import run_work
from dawgen.models.load import load_target
from dawgen.models.texts import ReadTexts
from dawgen.records import Example
from support.grids import write_grid
from support.jobs import write_inputs


def test_curves_are_means_over_at_most_15_windows() -> None:
    steps = [{"step": n + 1, "loss_real": float(n), "loss_synthetic": None, "conflict": n % 2 == 0} for n in range(30)]
    curves = draw_curves(steps)
    assert curves["step"] == list(range(2, 31, 2))
    assert curves["loss_real"] == [2 * n + 0.5 for n in range(15)]
    assert curves["conflict"] == [0.5] * 15
    assert set(curves) == {"step", "loss_real", "conflict"}
    assert draw_curves([]) == {}


def test_a_window_without_a_field_has_none() -> None:
    curves = draw_curves([{"step": 1, "loss_real": 1.0}, {"step": 2, "loss_synthetic": 2.0}])
    assert curves == {"step": [1, 2], "loss_real": [1.0, None], "loss_synthetic": [None, 2.0]}


def test_the_first_rows_of_each_label_are_taken_in_order() -> None:
    rows = [Example(text, None, text[0]) for text in ("a1", "b1", "a2", "a3", "b2", "b3")]
    assert [row.text1 for row in take_rows(rows, 2)] == ["a1", "b1", "a2", "b2"]
    assert take_rows(rows, None) is rows


def test_test_rows_are_drawn_alike_for_every_seed(tmp_path: Path) -> None:
    files = write_inputs(tmp_path)
    one, other, whole = (
        load_cell(RunConfig(seed=seed, shots=4, train=files["train"], test=files["test"]), rows).test
        for seed, rows in ((1, 7), (2, 7), (1, None))
    )
    assert one is not None
    assert whole is not None
    assert one == other
    assert len(one) == 7
    assert set(one) < set(whole)
    assert len(whole) == len(Path(files["test"]).read_text().splitlines())


def test_cells_of_a_grid_share_the_texts_that_a_target_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_grid(tmp_path, arms=["zero_shot", "prompt_tuning", "eda"], seeds=[1], multiples=[1])
    content = yaml.safe_load(path.read_text())
    content["settings"]["target"]["placement"] = "behind"
    path.write_text(yaml.safe_dump(content))
    cells = make_plan(read_grid(path)).choose(None)
    backbone = load_target(cells[0].config.target.model)
    monkeypatch.setattr(prompts, "cached_target", lambda *_: replace(backbone))  # a process of its own for every cell
    store, read = Store(tmp_path / "run"), list[dict[str, int]]()
    take = ReadTexts.take

    def watch(texts: ReadTexts, rows: Any, make: Any) -> Any:
        if not read or read[-1] is not texts.counts:
            read.append(texts.counts)
        return take(texts, rows, make)

    monkeypatch.setattr(ReadTexts, "take", watch)
    found = {cell.method: run_work(cell, store) for cell in cells if isinstance(cell, PromptCell)}
    assert set(found) == {"zero_shot", "prompt_tuning", "eda"} and all("error" not in one for one in found.values())
    # the 12 test rows, then shots that are in no other cell, then edited ones
    assert read[0]["read"] == 12 and read[0]["disk"] == 0
    assert all(counts["disk"] >= 12 for counts in read[1:])
    assert sum(counts["read"] for counts in read[1:]) <= 12 + 60
    files = list((tmp_path / "run" / TEXTS).rglob("*.safetensors"))
    assert len(files) == sum(counts["read"] for counts in read)
