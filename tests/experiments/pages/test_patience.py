"""The table of an early end: steps and accuracies by task and method."""

from pathlib import Path

from dawgen.bench.named import FOLDER
from dawgen.files import read_json, write_json
from experiments.pages.blocks import fill_blocks
from experiments.pages.patience import EARLY, LAST, Row, collect_rows, make_blocks
from experiments.pages.rows import read_rows
from support.grid_folders import fill_folder

ROOT = Path(__file__).parents[3]


def test_steps_are_those_taken_and_accuracies_means_over_the_seeds_that_have_both() -> None:
    rows = [
        Row("t", "prompt_tuning", seed, end, steps, accuracy, 600)
        for seed, end, steps, accuracy in (
            (1, LAST, 150, 0.5),
            (2, LAST, 150, 0.7),
            (1, EARLY, 150, 0.5),
            (2, EARLY, 75, 0.68),
            (3, LAST, 150, 0.9),
        )
    ]
    (line,) = make_blocks(rows)["patience"].rows
    assert [cell.text for cell in line] == ["t", "prompt_tuning", "150, 75 of 150", "60.0", "59.0", "-1.0"]


def test_of_a_grid_only_trainings_count_that_were_made_both_ways(tmp_path: Path) -> None:
    folder = fill_folder(FOLDER / "smollm2_settings.yaml", tmp_path)
    results = read_json(folder / "results.json")
    for row in results["rows"]:
        row["curves"] = {"step": [50, 100]}
    write_json(folder / "results.json", results)
    rows = collect_rows([folder])
    assert {(row.task, row.method) for row in rows} == {(task, "prompt_tuning") for task in ("sst2", "trec", "sick")}
    assert [row.steps for row in rows] == [100] * 2 * 9


def test_the_page_is_what_its_rows_say() -> None:
    page, rows = (ROOT / name for name in ("docs/method.md", "experiments/results/patience.csv"))
    assert fill_blocks(page.read_text(), make_blocks(read_rows(rows, Row))) == page.read_text()
