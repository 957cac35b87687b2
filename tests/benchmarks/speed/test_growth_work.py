"""The growth with labels and lengths: what it measures, at small sizes, and that the plots are drawn."""

from pathlib import Path

from benchmarks.speed.growth_plots import draw_labels, draw_lengths
from benchmarks.speed.growth_work import draw_rows, make_model, measure_lengths


def test_a_step_is_timed_with_both_placements_at_every_length(tmp_path: Path) -> None:
    found = measure_lengths((8, 300), make_model(width=64, layers=1), steps=5, warm=2)
    assert [row["tokens"] for row in found] == [8, 300]
    assert all(row["before_ms"] > 0 and row["behind_ms"] > 0 for row in found)
    draw_lengths(found, tmp_path / "lengths.png")
    assert (tmp_path / "lengths.png").stat().st_size > 1000


def test_rows_of_a_length_are_that_long_and_have_both_labels() -> None:
    rows = draw_rows(12, 4096)
    assert {len(row) for row in rows.ids} == {12} and set(rows.labels) == {0, 1}


def test_numbers_by_labels_are_drawn(tmp_path: Path) -> None:
    row = {"cpu_ms_per_kept": 10.0, "peak_mb": 700.0, "forecast_peak_mb": 500.0, "forecast_s": 5.0}
    draw_labels([row | {"labels": labels} for labels in (3, 150)], tmp_path / "labels.png")
    assert (tmp_path / "labels.png").stat().st_size > 1000
