"""The table of prompts before and behind the text."""

from pathlib import Path

from experiments.pages.blocks import fill_blocks
from experiments.pages.placement import Row, make_blocks
from experiments.pages.rows import read_rows

ROOT = Path(__file__).parents[3]


def make_row(placement: str, seed: int, accuracy: float, seconds: float = 1.0) -> Row:
    return Row("mini-t5", "scenes-nli", "dawgen", placement, seed, accuracy, 600, seconds)


def test_only_seeds_with_both_places_count_and_differences_are_paired() -> None:
    rows = [make_row("before", 1, 0.5, 4.0), make_row("before", 2, 0.9), make_row("behind", 1, 0.6, 2.0)]
    (line,) = make_blocks(rows)["placement"].rows
    assert [cell.text for cell in line][3:] == ["50.0", "60.0", "+10.0 (1/1, p 1.000)", "2.0"]


def test_the_page_is_what_its_rows_say() -> None:
    page = (ROOT / "docs" / "placement.md").read_text()
    assert fill_blocks(page, make_blocks(read_rows(ROOT / "experiments/results/placement.csv", Row))) == page
