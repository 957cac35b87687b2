"""Cells: their names say what they depend on, a failed one spoils no other, and sets without curation are whole."""

import json
from pathlib import Path
from typing import Any

from dawgen.config import RunConfig
from dawgen.data import RowFile, ShardStore
from dawgen.errors import DataError
from dawgen.records import Candidate, Example
from experiments.cells import Cell, run_cell, write_raw

CONFIG = RunConfig(task="scenes-nli", seed=1)


def change(section: str, **values: Any) -> RunConfig:
    return CONFIG.model_copy(update={section: getattr(CONFIG, section).model_copy(update=values)})


def test_a_name_changes_with_what_the_cell_depends_on_and_nothing_else() -> None:
    tuned, written = change("target", steps=7), change("decode", top_k=3)
    assert Cell(tuned).key == Cell(CONFIG).key != Cell(written).key
    assert Cell(written, "gold").key == Cell(CONFIG, "gold").key != Cell(tuned, "gold").key
    assert Cell(CONFIG, "gold").key != Cell(CONFIG, "prompt_tuning").key
    weighed = change("target", epsilon=0.3, surgery="none")
    assert Cell(weighed, "gold").key == Cell(CONFIG, "gold").key  # no synthetic gradient there
    assert Cell(weighed, "dawgen", "sets/a").key != Cell(CONFIG, "dawgen", "sets/a").key
    assert Cell(CONFIG, "dawgen", "sets/b").key != Cell(CONFIG, "dawgen", "sets/a").key


def test_a_set_without_curation_has_whole_texts_only(tmp_path: Path) -> None:
    texts = [("a", True), ("", True), ("b", False), ("c", True), ("d", True)]
    rows = [Candidate(Example("x", text, "yes"), finished=finished) for text, finished in texts]
    ShardStore(tmp_path / "raw", {}).write(0, rows)
    write_raw(tmp_path, 2)
    assert [row.text2 for row in RowFile(tmp_path / "raw.jsonl")] == ["a", "c"]


def test_a_cell_that_fails_says_why_and_leaves_no_file(tmp_path: Path) -> None:
    class Failing(Cell):
        def run(self, out: Path) -> dict[str, Any]:
            raise DataError("no rows")

    class Working(Cell):
        def run(self, out: Path) -> dict[str, Any]:
            return {"accuracy": 0.5}

    assert run_cell(Failing(CONFIG, "gold"), tmp_path) == {"error": "no rows"}
    assert not list(tmp_path.rglob("*.json"))
    numbers = run_cell(Working(CONFIG, "gold"), tmp_path)
    assert json.loads(next(tmp_path.rglob("*.json")).read_text()) == numbers
    assert numbers["accuracy"] == 0.5
    assert numbers["seconds"] >= 0
