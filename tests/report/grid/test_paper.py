"""The paper's numbers: complete, consistent with the printed averages, and beside a grid's own."""

from pathlib import Path
from statistics import fmean

import pytest

from dawgen.config import Surgery
from dawgen.report.grid.arms import GENERATORS, ORDER, RULES, SCHEDULES, Arm
from dawgen.report.grid.files import Grid, read_grid
from dawgen.report.grid.paper import AVERAGE, TARGETS, compare_with_paper, read_paper
from dawgen.report.table.core import Table
from support.grid_folders import make_grid, read_results, write_results

TASKS = {"qqp", "mrpc", "mnli", "snli", "qnli", "rte", "sick"}
FULL, TUNED = Arm("dawgen", "paired", "project"), Arm("prompt_tuning", "real", "")


def collect() -> dict[tuple[str, Arm], dict[str, float]]:
    found: dict[tuple[str, Arm], dict[str, float]] = {}
    for one in read_paper():
        assert one.task not in found.setdefault((one.target, one.arm), {})
        found[one.target, one.arm][one.task] = one.accuracy
    return found


def test_all_rows_of_the_papers_tables_are_there() -> None:
    found = collect()
    counts = {target: sum(name == target for name, _ in found) for target in TARGETS}
    # 7 untuned and tuned arms, SPOT+ and OPTIMA+, 6 of the ablation (with "ours"), 4 + 3 more combinations
    assert counts == {"t5-large": 7 + 2 + 6 + 7, "flan-t5-large": 6 + 6 + 7}
    assert sum(len(tasks) for tasks in found.values()) == 39 * 8 + 2 * 5
    assert all(set(tasks) == TASKS | {AVERAGE} for (_, arm), tasks in found.items() if arm.method not in SOURCED)


SOURCED = ("spot", "optima")


def test_printed_averages_are_the_means_of_their_rows() -> None:
    for (target, arm), tasks in collect().items():
        if arm.method in SOURCED:
            continue
        printed = tasks.pop(AVERAGE)
        if (target, arm) == ("t5-large", TUNED):  # 43.49 for a mean of 43.56
            assert fmean(tasks.values()) - printed == pytest.approx(0.0007, abs=1e-4)
        else:
            assert fmean(tasks.values()) == pytest.approx(printed, abs=1.01e-4), (target, arm)


def test_numbers_that_the_paper_is_known_by() -> None:
    found = collect()
    gains = [found[target, FULL][AVERAGE] - found[target, TUNED][AVERAGE] for target in TARGETS]
    assert gains == pytest.approx([0.1886, 0.1470])
    assert found["t5-large", Arm("fewgen", "paired", "project")][AVERAGE] == 0.6125
    assert found["flan-t5-large", Arm("zero_shot", "", "")]["rte"] == 0.2635


def test_names_are_those_of_a_grid() -> None:
    for _, arm in collect():
        assert arm.method in ORDER and arm.schedule in {"", "real", *SCHEDULES} and arm.surgery in RULES
        assert (arm.surgery != "") == (arm.schedule == "paired")
        assert (arm.schedule == "paired") <= (arm.method in GENERATORS)
    assert set(Surgery.__args__) <= set(RULES)


def compare(folder: Path, **changes: object) -> Table:
    make_grid(folder, tasks=["scenes-nli", "sick"], targets=["mini-t5"], sizes=False)
    write_results(folder, {**read_results(folder), **changes})
    return compare_with_paper(read_grid(folder))


def test_own_and_published_numbers_stand_side_by_side(tmp_path: Path) -> None:
    table = compare(tmp_path)
    assert table.header == (
        "task",
        "method",
        "paper, t5-large",
        "to prompt tuning",
        "paper, flan-t5-large",
        "to prompt tuning",
        "here, mini-t5",
        "to prompt tuning",
    )
    rows = {(row[0].text, row[1].text): [cell.text for cell in row[2:]] for row in table.rows}
    own = [row for row in read_grid(tmp_path).rows if row.task == "sick"]
    full = fmean(row.accuracy for row in own if row.arm == FULL)
    tuned = fmean(row.accuracy for row in own if row.arm == TUNED)
    assert rows["sick", "dawgen"] == [
        "72.7",
        "+44.9",
        "79.9",
        "+19.3",
        f"{100 * full:.1f}",
        f"{100 * (full - tuned):+.1f}",
    ]
    assert rows["sick", "prompt_tuning"][1::2] == ["-"] * 3
    assert rows[AVERAGE, "dawgen"][:4] == ["62.4", "+18.9", "77.2", "+14.7"]
    assert not any(task == "scenes-nli" or method in ("lora", "gold") for task, method in rows)
    assert any("models differ" in note for note in table.notes)


def test_an_arm_that_lacks_tasks_says_over_how_many_it_is_averaged(tmp_path: Path) -> None:
    make_grid(tmp_path, targets=["mini-t5"], sizes=False)
    results = read_results(tmp_path)
    rows = [row for row in results["rows"] if row["task"] == "sick" or row["schedule"] != "pooled"]
    table = compare(tmp_path, rows=rows)
    found = {row[1].text: row[6].text for row in table.rows if row[0].text == AVERAGE}
    assert found["fewgen/pooled"].endswith(" (1 of 2 tasks)")
    assert "of" not in found["dawgen"]


def test_a_grid_without_the_papers_arms_has_no_rows(tmp_path: Path) -> None:
    assert compare_with_paper(Grid("none", "lora", {}, {}, ())).rows == ()
    make_grid(tmp_path, arms=[("lora", "real", ""), ("gold", "real", "")], sizes=False)
    assert compare_with_paper(read_grid(tmp_path)).rows == ()
