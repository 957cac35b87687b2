from pathlib import Path

import pytest

from benchmarks.speed.harness import Result
from benchmarks.speed.table import BEGIN, END, merge_results, read_results, render_table, rewrite_table, show

ROOT = Path(__file__).parents[3]
FIELDS = {"name", "against", "unit", "ratio_median", "ratio_min", "ratio_max", "pairs", "target", "holds"}


def make_rows() -> list[dict[str, object]]:
    faster = Result.of("a step", "a library", "steps/s", [2.0, 2.2, 2.1], target=1.7, side="at least")
    dearer = Result.of("the projection", "a step", "time", [0.041, 0.05, 0.04], target=0.03, side="at most")
    return [faster.as_dict(), dearer.as_dict()]


def test_a_table_says_ratio_spread_aim_and_what_was_missed() -> None:
    lines = render_table(make_rows()).splitlines()
    assert lines[2] == "| a step | a library | steps/s | 2.10 (2.00 to 2.20) | at least 1.7 | reached |"
    assert lines[3] == "| the projection | a step | time | 0.041 (0.040 to 0.050) | at most 0.03 | **missed** |"
    assert len({line.count("|") for line in lines}) == 1


def test_small_ratios_do_not_read_as_nothing() -> None:
    assert [show(ratio) for ratio in (0.000146, 0.0099, 0.041, 0.5, 9.876, 23.45)] == [
        "0.0001",
        "0.01",
        "0.041",
        "0.50",
        "9.88",
        "23.4",
    ]


def test_lines_measured_again_take_their_old_places_and_new_ones_the_end() -> None:
    old = make_rows()
    again = old[0] | {"ratio_median": 2.3}
    other = old[1] | {"against": "another step"}
    assert merge_results(old, [other, again]) == [again, old[1], other]
    assert old == make_rows()


def test_only_what_stands_between_the_marks_changes(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for _ in range(2):
        rewrite_table(page, make_rows(), "Measured somewhere.")
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n| job |")
    assert text.endswith(f"\n\nMeasured somewhere.\n{END}\nafter\n")
    assert "old" not in text


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("nothing\n")
    with pytest.raises(ValueError, match="expected one"):
        rewrite_table(page, make_rows(), "")


def test_the_page_shows_the_committed_results() -> None:
    results = read_results(ROOT / "benchmarks" / "speed" / "results.json")
    assert results
    assert all(set(row) == FIELDS for row in results)
    assert all(row["pairs"] >= 5 for row in results)
    assert all(row["holds"] == holds(row) for row in results)
    assert render_table(results) in (ROOT / "benchmarks" / "README.md").read_text()


def holds(row: dict[str, float]) -> bool:
    at_least = str(row["unit"]).endswith("at least")
    return row["ratio_median"] >= row["target"] if at_least else row["ratio_median"] <= row["target"]
