"""How sure differences are: bold only what is significant, items apart from seeds, warnings of optimism."""

import random
from pathlib import Path

import pytest

from dawgen.report.grid.files import Grid, read_grid
from dawgen.report.grid.items import warn_of_optimism
from dawgen.report.grid.tables import make_tables
from support.grid_folders import make_grid, read_results, write_results
from support.grid_scores import FULL, TUNED, find_row, find_table, list_bold, read_scored


def test_only_a_significant_gain_over_all_tasks_is_bold(tmp_path: Path) -> None:
    gains = {"dawgen/project": 0.2, "fewgen/none": 0.001, "lora": -0.2, "prompt_tuning": 0.0}
    draws = random.Random(0)

    def score(task: str, arm: str, seed: int) -> float:
        return 0.5 + gains[arm] + draws.gauss(0, 0.02)

    arms = [TUNED, FULL, ("fewgen", "paired", "none"), ("lora", "real", "")]
    tables = make_tables(
        read_scored(tmp_path, score, tasks=["a", "b", "c"], arms=arms, seeds=[1, 2, 3, 4, 5]),
    )
    assert list_bold(find_table(tables, "main-mini-t5")) == [("dawgen", "average")]
    assert list_bold(find_table(tables, "significance-mini-t5")) == [("lora", "difference"), ("dawgen", "difference")]
    test = find_row(find_table(tables, "significance-mini-t5"), "dawgen")
    assert (test["pairs"], test["p"], test["adjusted p"]) == ("15", "< 0.001", "< 0.001")  # 2 / 2^15, times 3


def test_the_highest_mean_of_five_pairs_is_not_bold(tmp_path: Path) -> None:
    def score(task: str, arm: str, seed: int) -> float:
        return 0.9 + seed / 100 if arm == "dawgen/project" else 0.3

    tables = make_tables(read_scored(tmp_path, score, tasks=["a"], arms=[TUNED, FULL], seeds=[1, 2, 3, 4, 5]))
    assert not any(list_bold(table) for table in tables)
    assert find_row(find_table(tables, "significance-mini-t5"), "dawgen")["p"] == "0.062"


def test_bold_counts_how_many_arms_were_tried(tmp_path: Path) -> None:
    """Six clear wins have p = 0.031: enough alone, not enough beside another arm."""
    arms = [TUNED, FULL, ("lora", "real", "")]

    def score(task: str, arm: str, seed: int) -> float:
        return 0.9 + seed / 100 if arm == "dawgen/project" else 0.3 + 0.01 * (-1) ** seed * (arm == "lora") * seed

    for number, bold in ((2, True), (3, False)):
        grid = read_scored(tmp_path, score, tasks=["a"], arms=arms[:number], seeds=[1, 2, 3, 4, 5, 6])
        assert bool(list_bold(find_table(make_tables(grid), "significance-mini-t5"))) is bold


def test_differences_weigh_tasks_the_same_and_use_common_seeds(tmp_path: Path) -> None:
    gains = {"a": 0.1, "b": 0.3}
    grid = read_scored(
        tmp_path,
        lambda task, arm, seed: 0.4 + seed / 100 + (gains[task] if arm == "dawgen/project" else 0.0),
        tasks=["a", "b"],
        arms=[TUNED, FULL],
        seeds=[1, 2, 3, 4],
    )
    rows = tuple(row for row in grid.rows if row.task == "a" or row.seed == 1 or row.method == "prompt_tuning")
    table = find_table(make_tables(Grid(grid.name, grid.baseline, {}, {}, rows)), "significance-mini-t5")
    found = find_row(table, "dawgen", "prompt_tuning")
    assert (found["tasks"], found["pairs"], found["difference"]) == ("2", "5", "+20.0 [+10.0, +30.0]")


def test_surgery_is_compared_with_none_and_dawgen_with_fewgen(tmp_path: Path) -> None:
    lifts = {"none": 0.0, "project": 0.04, "drop": 0.02}
    arms = [(method, "paired", rule) for method in ("fewgen", "dawgen") for rule in lifts]

    def score(task: str, arm: str, seed: int) -> float:
        method, rule = arm.split("/")
        return 0.5 + lifts[rule] + 0.1 * (method == "dawgen")

    tables = make_tables(read_scored(tmp_path, score, tasks=["a"], arms=arms, seeds=[1, 2]))
    surgery = find_table(tables, "significance-surgery-mini-t5")
    assert find_row(surgery, "dawgen", "dawgen/paired")["difference"].startswith("+4.0")
    assert find_row(surgery, "fewgen/paired/drop", "fewgen/paired")["difference"].startswith("+2.0")
    assert len(surgery.rows) == 4
    generators = find_table(tables, "significance-generator-mini-t5")
    assert [row[4].text[:5] for row in generators.rows] == ["+10.0"] * 3
    assert not any(table.key.startswith("significance-mini") for table in tables)  # no prompt_tuning, no baseline


def test_item_intervals_are_of_the_same_numbers(tmp_path: Path) -> None:
    tables = make_tables(read_grid(make_grid(tmp_path)))
    main = find_row(find_table(tables, "main-mini-t5"), "dawgen")["sick"]
    assert find_row(find_table(tables, "items-mini-t5"), "dawgen")["sick"].split(" [")[0] == main.split(" ±")[0]
    gap = find_row(find_table(tables, "items-difference-mini-t5"), "dawgen")["sick"]
    tuned = find_row(find_table(tables, "main-mini-t5"), "prompt_tuning")["sick"]
    assert float(gap.split(" [")[0]) == pytest.approx(float(main.split(" ±")[0]) - float(tuned.split(" ±")[0]), abs=0.1)


def test_other_test_rows_per_seed_have_no_item_interval(tmp_path: Path) -> None:
    results = read_results(make_grid(tmp_path, sizes=False))
    for row in results["rows"]:
        if (row["method"], row["seed"]) == ("lora", 13):
            row |= {"n_test": 59, "correct": row["correct"][:59]}
    write_results(tmp_path, results)
    tables = make_tables(read_grid(tmp_path))
    assert find_row(find_table(tables, "items-mini-t5"), "lora")["sick"] == "-"
    assert find_row(find_table(tables, "items-difference-mini-t5"), "lora")["sick"] == "-"


def test_a_dev_set_that_chose_much_is_warned_of(tmp_path: Path) -> None:
    results = read_results(make_grid(tmp_path, targets=["mini-t5"]))
    write_results(tmp_path, {**results, "dev_choices": 4})
    grid = read_grid(tmp_path)
    found = find_row(find_table(make_tables(grid), "dev-mini-t5"), "lora")
    assert (found["choices"], found["dev rows"]) == ("20", "32-48")
    (warning,) = warn_of_optimism(grid)
    assert "dev accuracy of 9 methods" in warning
    for row in results["rows"]:
        row["looks"] = row["looks"] and 1
    write_results(tmp_path, results)
    assert warn_of_optimism(read_grid(tmp_path)) == []
