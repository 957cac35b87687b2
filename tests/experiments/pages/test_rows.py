"""Rows of an experiment as a CSV file."""

from dataclasses import dataclass
from pathlib import Path

from experiments.pages.rows import add_rows, read_rows, write_rows


@dataclass(frozen=True, slots=True)
class Row:
    task: str
    seed: int
    way: str
    accuracy: float | None
    n: int


OLD = [Row("nli", 1, "before", 0.5, 100), Row("nli", 2, "before", 0.25, 100)]


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    rows = [*OLD, Row("nli", 3, "", None, 100)]
    write_rows(tmp_path / "rows.csv", Row, rows)
    assert read_rows(tmp_path / "rows.csv", Row) == rows


def test_new_rows_replace_those_of_their_cell_and_all_others_stay_in_their_order() -> None:
    new = [Row("nli", 1, "behind", 0.75, 300), Row("nli", 1, "before", 0.625, 300)]
    assert add_rows(OLD, new) == [new[1], OLD[1], new[0]]
