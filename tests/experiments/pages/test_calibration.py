"""The tables of probabilities: rows from scores, and the page is what they say."""

from pathlib import Path

import numpy as np
import pytest

from dawgen.files import write_json
from experiments.pages.blocks import fill_blocks
from experiments.pages.calibration import SPREAD, WAYS, Row, collect_rows, make_blocks
from experiments.pages.rows import read_rows

ROOT = Path(__file__).parents[3]


def draw(seed: int, n: int, true: float) -> dict[str, list]:
    """Scores whose labels are drawn from softmax(scores / true)."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 3, (n, 3))
    chances = np.exp(scores / true)
    labels = [int(rng.choice(3, p=row / row.sum())) for row in chances]
    return {"scores": scores.tolist(), "labels": labels}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("calibration")
    for seed in (13, 21):
        scored = {"test": draw(seed, 600, 3.0), "dev": draw(seed + 1, 200, 3.0)}
        write_json(folder / f"a-task-{seed}-abc-prompt.json", scored)
        write_json(folder / f"a-task-{seed}-abc-folds.json", {"shots": draw(seed + 2, 48, 3.0)})
    write_json(folder / "unfinished-13-abc-prompt.json", scored)
    return collect_rows([folder])


def test_each_finished_job_has_a_row_for_each_way(rows: list[Row]) -> None:
    assert [(row.task, row.seed, row.way) for row in rows] == [("a-task", s, way) for s in (13, 21) for way in WAYS]
    assert [row.fitted for row in rows[:4]] == [0, 200, 48, 48]


def test_scores_that_are_too_sure_get_better_and_few_rows_are_held_near_one(rows: list[Row]) -> None:
    for none, dev, shots, loose in (rows[:4], rows[4:]):
        assert none.temperature == 1 and none.ece > 2 * dev.ece and none.nll > dev.nll and none.brier > dev.brier
        assert none.accuracy == dev.accuracy == shots.accuracy
        assert none.answered > dev.answered
        assert abs(np.log(shots.temperature)) < abs(np.log(loose.temperature)) and SPREAD < 1


def test_the_page_is_what_its_rows_say() -> None:
    page = (ROOT / "docs" / "probabilities.md").read_text()
    found = read_rows(ROOT / "experiments" / "results" / "calibration.csv", Row)
    assert len(found) == 7 * 5 * len(WAYS)
    assert fill_blocks(page, make_blocks(found)) == page
