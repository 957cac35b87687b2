"""What a study says of grids whose gains are planted: where they end, what surgery does, which order is best."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from dawgen.errors import DataError
from dawgen.evaluate.breakpoints.page import format_points, make_map, render_study
from dawgen.evaluate.breakpoints.study import Study, describe_study, study_grid, write_size
from dawgen.evaluate.breakpoints.tables import make_tables
from dawgen.evaluate.breakpoints.text import list_cautions, list_sentences
from dawgen.report.grid.arms import Arm
from dawgen.report.grid.files import read_grid
from support.grid_folders import make_grid, make_row, read_results, write_results
from support.grid_scores import find_row, find_table, set_accuracy

SHOTS, MULTIPLES, SEEDS = (4, 16, 64, 256), (1, 4), (13, 21, 42, 87, 100)
ARMS = (("dawgen", "pooled", ""), ("dawgen", "paired", "none"), ("dawgen", "paired", "project"))
BASE = {4: 0.40, 16: 0.50, 64: 0.70, 256: 0.80}
GAIN = {4: 0.20, 16: 0.10, 64: -0.10, 256: -0.10}  # ends half of the way from 16 to 64: at 32 shots
FULL = Arm("dawgen", "paired", "project")


def plant(method: str, surgery: str, shots: int, multiple: int | None, seed: int) -> float:
    """Return an accuracy: seeds differ a little; `pooled` is 5 points behind; surgery adds 10 at 4 shots alone; the
    fourfold set is as good as the single one."""
    accuracy = BASE[shots] + 0.001 * (seed % 7)
    if method != "dawgen":
        return accuracy
    accuracy += GAIN[shots] + {"": -0.05, "none": 0.0}.get(surgery, 0.1 if shots == 4 else 0.0)
    return accuracy + (0.002 * (seed % 5) if multiple == 1 else 0.002 * (seed % 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_grid(tmp_path_factory.mktemp("grid"), tasks=["scenes-nli"], targets=["mini-t5"], sizes=False)
    rows = []
    for shots in SHOTS:
        for seed in SEEDS:
            places: list[tuple[tuple[str, str, str], int | None]] = [(("prompt_tuning", "real", ""), None)]
            places += [(arm, multiple) for arm in ARMS for multiple in MULTIPLES]
            for arm, multiple in places:
                row = make_row("scenes-nli", "mini-t5", *arm, shots, multiple or 1, seed)
                set_accuracy(row, plant(arm[0], arm[2], shots, multiple, seed))
                rows.append(row)
    write_results(folder, read_results(folder) | {"rows": rows, "failed": []})
    return folder


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    return study_grid(read_grid(folder))


@pytest.fixture(scope="module")
def said(study: Study) -> dict[str, Any]:
    return describe_study(study)


def find_end(said: dict[str, Any], question: str, arm: Arm, held: int) -> dict[str, Any]:
    place = {"multiple": "shots", "overall": "ways"}.get(question, "multiple")
    return next(
        row for row in said["breaks"] if (row["question"], row["arm"], row.get(place)) == (question, arm.name, held)
    )


def test_the_end_of_a_planted_gain_is_found(said: dict[str, Any]) -> None:
    end = find_end(said, "synthetic", Arm("dawgen", "paired", "none"), 1)
    assert (end["shown_up_to"], end["not_shown_from"], end["crossing"]) == (16, 64, "33")
    assert end["crossed_share"] > 0.9
    pooled = find_end(said, "synthetic", Arm("dawgen", "pooled"), 1)
    assert float(pooled["crossing"]) < 30


def test_all_ways_together_are_the_mean_of_each(study: Study, said: dict[str, Any]) -> None:
    end = find_end(said, "overall", Arm("all ways"), len(ARMS) * len(MULTIPLES))
    assert (end["shown_up_to"], end["not_shown_from"]) == (16, 64)
    (whole,) = study.pick("overall", study.fields[0])
    single = [found.series for found in study.pick("synthetic", study.fields[0])]
    for place, point in enumerate(whole.series.points):
        assert point.mean == pytest.approx(sum(series.points[place].mean for series in single) / len(single))
        assert point.answers is not None
        assert point.answers.mean() == pytest.approx(point.mean, abs=0.02)  # of 60 rows


def test_surgery_matters_where_it_was_planted_and_stops_there(said: dict[str, Any]) -> None:
    end = find_end(said, "surgery", FULL, 4)
    assert (end["shown_up_to"], end["not_shown_from"]) == (4, 16)
    points = [row for row in said["points"] if row["question"] == "surgery" and row["multiple"] == 4]
    assert [row["gain"] for row in points] == pytest.approx([0.1, 0.0, 0.0, 0.0], abs=1e-9)


def test_more_rows_help_by_the_first_step_alone(said: dict[str, Any]) -> None:
    end = find_end(said, "multiple", FULL, 16)
    assert (end["sizes"], end["shown_up_to"], end["not_shown_from"]) == ([1, 4], 1, 4)


def test_items_are_drawn_where_answers_are_known(study: Study, said: dict[str, Any]) -> None:
    for row in said["points"]:
        assert row["item_low"] <= row["gain"] <= row["item_high"]
        assert row["item_high"] - row["item_low"] > 0.01  # 60 test rows are few
    assert study.found[0].series.points[0].answers is not None


def test_the_best_order_is_named_and_the_worse_ones_are_told_apart(study: Study) -> None:
    (orders,) = study.orders
    assert orders.orders[0].arm == FULL
    assert orders.orders[-1].arm == Arm("dawgen", "pooled")
    duel = orders.find_duel(Arm("dawgen", "paired", "none"), Arm("dawgen", "pooled"))
    assert duel is not None
    assert duel.better.schedule == "paired"
    assert (duel.pairs, duel.wins, duel.significant) == (20, 20, True)
    assert duel.gap == pytest.approx(0.05, abs=0.001)
    assert all(one.adjusted >= one.p for one in orders.duels)
    beaten = next(text for text in list_sentences(study)["scenes-nli on mini-t5"] if "best order" in text)
    assert "is dawgen (mean accuracy" in beaten
    assert "It beats" in beaten
    assert "dawgen/pooled" in beaten


def test_the_sentences_say_where_gains_end_and_warn_of_few_seeds(study: Study, folder: Path) -> None:
    text = " ".join(list_sentences(study)["scenes-nli on mini-t5"])
    assert "beyond seed noise at 4 [" in text
    assert "from 64 on none is shown. A loss is at 64 [-" in text
    assert "The mean gain ends at 32 shots per label" in text
    assert "Surgery (dawgen against dawgen/paired) changes accuracy by +2.5 points on average" in text
    assert not list_cautions(study)
    results = read_results(folder)
    few = folder.parent / "few"
    write_results(few, results | {"rows": [row for row in results["rows"] if row["seed"] in (13, 21)]})
    assert "2 seeds" in list_cautions(study_grid(read_grid(few)))[0]
    write_results(few, results | {"rows": [row for row in results["rows"] if row["seed"] == 13]})
    alone = study_grid(read_grid(few))
    assert "One seed" in list_cautions(alone)[0]
    assert "With one seed no gain can be shown" in " ".join(list_sentences(alone)["scenes-nli on mini-t5"])


def test_tables_map_and_csv_agree_with_the_points(study: Study) -> None:
    (one,) = study.fields
    tables = make_tables(study, one)
    row = find_row(find_table(tables, "map-scenes-nli-mini-t5"), "dawgen/paired", "1")
    assert row["4 shots"].startswith("+20.")
    assert row["64 shots"].startswith("-9.")
    assert find_row(find_table(tables, "steps-scenes-nli-mini-t5"), "dawgen", "16")["last shown step"] == "1"
    tile = make_map(study, one, FULL).rows[0][1][0]
    assert (tile.way, tile.sure, tile.text[:2]) == ("up", True, "+3")
    lines = list(csv.DictReader(io.StringIO(format_points(study))))
    assert len(lines) == sum(len(found.series.points) for found in study.found)
    assert {line["question"] for line in lines} == {"synthetic", "overall", "surgery", "multiple"}


def test_the_page_holds_all_of_it_and_nothing_from_outside(study: Study) -> None:
    page = render_study(study)
    assert page.count('class="box map"') == len(ARMS)
    assert page.count("<svg") == len(ARMS) * 3 + 1  # surgery has a chart for one arm alone
    assert "The mean gain ends at 32 shots per label" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_same_results_say_the_same(said: dict[str, Any], folder: Path) -> None:
    assert describe_study(study_grid(read_grid(folder))) == said


def test_an_arm_without_its_partner_is_left_out(folder: Path) -> None:
    results = read_results(folder)
    alone = folder.parent / "alone"
    write_results(alone, results | {"rows": [row for row in results["rows"] if row["surgery"] != "none"]})
    found = study_grid(read_grid(alone))
    assert not found.pick("surgery", found.fields[0])
    write_results(alone, results | {"rows": [row for row in results["rows"] if row["method"] == "dawgen"]})
    with pytest.raises(DataError, match="expected arms with synthetic sets and prompt_tuning"):
        study_grid(read_grid(alone))


def test_sizes_outside_what_was_measured_are_said_in_words() -> None:
    assert [write_size(size, [4, 256]) for size in (0.0, 4.0, 33.4, float("inf"))] == [
        "below 4",
        "4.0",
        "33",
        "beyond 256",
    ]
