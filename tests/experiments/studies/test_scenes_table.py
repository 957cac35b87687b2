"""The main table: its arms, its file, and that the pages show what the committed file says."""

from dataclasses import replace
from pathlib import Path

import pytest

from dawgen.stats import show_way
from experiments.pages.blocks import fill_blocks
from experiments.pages.rows import read_rows, write_rows
from experiments.studies import scenes_table
from experiments.studies.scenes_report import Row, draw, make_blocks, pick_method, render_methods
from experiments.studies.scenes_table import join_rows, list_arms

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "experiments" / "results" / "scenes.csv"


def make_rows() -> list[Row]:
    rows = []
    for seed, lift in ((1, 0.0), (2, 0.1)):
        for method, accuracy in (("prompt_tuning", 0.5), ("gold", 0.8)):
            rows.append(Row("scenes-nli", "mini-t5", "", "", method, seed, accuracy, 0.4, 600, 1.0))
        rows.append(Row("scenes-nli", "mini-t5", "dawgen", "curated", "dawgen", seed, 0.65 + lift, 0.4, 600, 1.0))
        rows.append(Row("scenes-nli", "mini-t5", "dawgen", "raw", "dawgen", seed, 0.6, 0.4, 600, 1.0))
        rows.append(Row("scenes-nli", "", "dawgen", "curated", "", seed, 0.85, None, 900, 1.0))
    return rows


def test_every_generator_is_there_with_and_without_curation() -> None:
    arms = list(list_arms(generators=True))
    assert len(arms) == len(set(arms)) == 6 + 8 + 7 * 2 + 2
    assert len(list(list_arms(generators=False))) == 6 + 8 + 2
    for kind in ("untuned", "plain", "weighted", "dawgen"):
        for data in ("raw", "curated"):
            assert {"synthetic_only", "dawgen"} <= {m for k, d, m in arms if (k, d) == (kind, data)}


def test_rows_survive_the_file(tmp_path: Path) -> None:
    rows = make_rows()
    write_rows(tmp_path / "rows.csv", Row, rows)
    assert read_rows(tmp_path / "rows.csv", Row) == rows


def test_rows_of_chosen_methods_take_the_place_of_known_ones_and_leave_the_others() -> None:
    rows = make_rows()
    again = replace(rows[0], accuracy=0.9)
    new = replace(rows[0], method="linear_probe")
    assert join_rows(rows, [new, again]) == [again, *rows[1:], new]


def test_the_way_to_gold_is_a_ratio_of_sums() -> None:
    rows = make_rows()
    own, base, gold = (pick_method(rows, "mini-t5", method) for method in ("dawgen", "prompt_tuning", "gold"))
    assert show_way(own, base, gold) == "67%"  # (0.15 + 0.25) / (0.3 + 0.3)
    assert show_way(own, gold, base) == "-"


def test_tables_name_what_they_compare(tmp_path: Path) -> None:
    text = "\n".join(make_blocks(make_rows()).values())
    assert "| dawgen | 70.0 ± 7.1 | 70.0 | 67% |" in text
    assert "| curated - raw set | +10.0 ± 7.1 (2/2, p 0.500) |" in text
    assert "| dawgen | curated | 85.0 ± 0.0 | - | 70.0 |" in text
    draw([*make_rows(), *(replace(row, task="scenes-question") for row in make_rows())], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_folder_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "rows.csv", Row, make_rows())
    monkeypatch.setattr("sys.argv", ["scenes_table", "--csv", str(tmp_path / "rows.csv")])
    scenes_table.main()
    assert "mini-t5: method" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["scenes_table"])
    with pytest.raises(SystemExit):
        scenes_table.main()


def test_the_chapter_shows_the_committed_results() -> None:
    rows, page = read_rows(RESULTS, Row), (ROOT / "docs" / "evidence.md").read_text()
    assert {row.seed for row in rows} == set(scenes_table.SEEDS)
    assert fill_blocks(page, make_blocks(rows)) == page


def test_the_readme_shows_lines_of_the_same_table() -> None:
    table = render_methods(read_rows(RESULTS, Row), "mini-t5").splitlines()
    page = (ROOT / "README.md").read_text()
    shown = page[page.index(table[0]) :].partition("\n\n")[0].splitlines()
    assert len(shown) > 5
    assert set(shown) <= set(table)
