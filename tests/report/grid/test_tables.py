"""Tables of a grid: right numbers, and sense with little data."""

from pathlib import Path

import pytest

from dawgen.report.grid.files import Grid, read_grid
from dawgen.report.grid.items import warn_of_optimism
from dawgen.report.grid.tables import make_tables
from dawgen.report.grid.view import make_view
from dawgen.report.table.core import make_table
from support.grid_folders import ARMS, make_grid, make_row, read_results, write_results
from support.grid_scores import FULL, TUNED, find_row, find_table, list_bold, read_scored


def test_tables_come_in_order_with_keys_of_their_own(tmp_path: Path) -> None:
    tables = make_tables(read_grid(make_grid(tmp_path)))
    keys = [table.key for table in tables]
    assert len(set(keys)) == len(keys)
    assert [key.removesuffix("-mini-t5") for key in keys if key.endswith("mini-t5")] == [
        "main",
        "f1",
        "ablation",
        "combination",
        "shots",
        "multiples",
        "significance",
        "significance-surgery",
        "significance-generator",
        "items",
        "items-difference",
        "dev",
        "cost",
    ]
    assert keys[-2:] == ["sets", "failed"]
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)


def test_the_same_files_give_the_same_tables(tmp_path: Path) -> None:
    folder = make_grid(tmp_path)
    assert make_tables(read_grid(folder)) == make_tables(read_grid(folder))


def test_probes_stand_in_the_main_table_with_and_without_a_set(tmp_path: Path) -> None:
    probes = [("linear_probe", "real", ""), ("dawgen", "linear_probe", "")]
    main = find_table(make_tables(read_grid(make_grid(tmp_path, arms=[*ARMS, *probes]))), "main-mini-t5")
    names = [row[0].text for row in main.rows]
    assert names.index("in_context") + 1 == names.index("linear_probe")
    assert names.index("dawgen/linear_probe") + 1 == names.index("dawgen/paired")


def test_main_has_mean_deviation_and_interval_and_averages_whole_seeds(tmp_path: Path) -> None:
    scores = {("a", 1): 0.5, ("a", 2): 0.6, ("a", 3): 0.7, ("b", 1): 0.3, ("b", 2): 0.4}
    grid = read_scored(
        tmp_path,
        lambda task, arm, seed: scores.get((task, seed), 0.9),
        tasks=["a", "b"],
        arms=[TUNED, FULL],
        seeds=[1, 2, 3],
    )
    rows = tuple(row for row in grid.rows if (row.task, row.seed, row.method) != ("b", 3, "dawgen"))
    grid = Grid(grid.name, grid.baseline, {}, {}, rows)
    main = find_table(make_tables(grid), "main-mini-t5")
    found = find_row(main, "dawgen")
    assert found["a"] == "60.0 ± 10.0 [35.2, 84.8]"
    assert found["b"] == "35.0 ± 7.1 [0.0, 98.5] (2)"
    assert found["average"] == "45.0 ± 7.1 [0.0, 100.0]"  # seeds 1 and 2: 40 and 50
    assert find_row(main, "prompt_tuning")["b"] == "53.3 ± 32.1 [0.0, 100.0]"
    macro = find_row(find_table(make_tables(grid), "f1-mini-t5"), "dawgen")
    assert macro["a"] == "30.0 ± 5.0 [17.6, 42.4]"


def test_zero_shot_has_no_spread_and_stands_for_all_seeds(tmp_path: Path) -> None:
    grid = read_scored(
        tmp_path,
        lambda task, arm, seed: 0.4 if arm == "zero_shot" else 0.5 + seed / 100,
        tasks=["a", "b"],
        arms=[("zero_shot", "", ""), TUNED],
        seeds=[1, 2, 3],
    )
    for rows in (grid.rows, tuple(row for row in grid.rows if row.method != "zero_shot" or row.seed == 1)):
        tables = make_tables(Grid(grid.name, grid.baseline, {}, {}, rows))
        assert list(find_row(find_table(tables, "main-mini-t5"), "zero_shot").values())[1:] == ["40.0", "40.0", "40.0"]
        test = find_row(find_table(tables, "significance-mini-t5"), "zero_shot")
        assert (test["pairs"], test["difference"][:5]) == ("6", "-12.0")


def test_ablation_and_combination_have_the_papers_rows(tmp_path: Path) -> None:
    tables = make_tables(read_grid(make_grid(tmp_path)))
    ablation = find_table(tables, "ablation-mini-t5")
    assert [[cell.text for cell in row[:3]] for row in ablation.rows] == [
        ["fewgen", "yes", "no"],
        ["fewgen", "yes", "yes"],
        ["dawgen", "no", "no"],
        ["dawgen", "yes", "no"],
        ["dawgen", "yes", "yes"],
    ]
    combination = find_table(tables, "combination-mini-t5")
    assert [[cell.text for cell in row[:2]] for row in combination.rows] == [
        ["fewgen", "pooled"],
        ["fewgen", "paired in each step"],
        ["dawgen", "paired in each step"],
    ]
    main = find_table(tables, "main-mini-t5")
    assert find_row(ablation, "dawgen", "yes", "yes")["sick"] == find_row(main, "dawgen")["sick"]


def test_surgery_rules_show_what_they_met(tmp_path: Path) -> None:
    arms = [TUNED, *(("dawgen", "paired", rule) for rule in ("none", "project", "pcgrad", "project:token"))]
    results = read_results(make_grid(tmp_path, arms=arms, sizes=False))
    for row in results["rows"]:
        if row["surgery"] == "pcgrad":
            row["curves"] = {"step": [1, 2], "cos": [-0.1, -0.3], "conflict": [0.5, 1.0], "removed": [None, 0.25]}
    write_results(tmp_path, results)
    table = find_table(make_tables(read_grid(tmp_path)), "surgery-mini-t5")
    assert [row[1].text for row in table.rows] == ["none", "project", "project:token", "pcgrad"]
    found = find_row(table, "dawgen", "pcgrad")
    assert (found["cosine"], found["conflict %"], found["removed %"]) == ("-0.20", "75.0", "25.0")
    assert find_row(table, "dawgen", "none")["removed %"] == "-"


def test_sizes_hold_the_other_size(tmp_path: Path) -> None:
    grid = read_grid(make_grid(tmp_path))
    tables = make_tables(grid)
    shots, multiples = find_table(tables, "shots-mini-t5"), find_table(tables, "multiples-mini-t5")
    assert shots.header == ("task", "method", "8 shots", "16 shots", "32 shots", "64 shots")
    assert [row[1].text for row in shots.rows] == ["prompt_tuning", "dawgen"]
    assert multiples.header == ("task", "method", "1x", "4x", "16x", "64x")
    assert [row[1].text for row in multiples.rows] == ["dawgen"]
    main = find_row(find_table(tables, "main-mini-t5"), "dawgen")
    assert find_row(shots, "scenes-nli", "dawgen")["16 shots"] == main["scenes-nli"]
    assert find_row(multiples, "scenes-nli", "dawgen")["16x"] == main["scenes-nli"]
    view = make_view(grid, "mini-t5")
    assert (view.shots, view.multiple) == (16, 16)


def test_sets_costs_and_failures_are_listed(tmp_path: Path) -> None:
    tables = make_tables(read_grid(make_grid(tmp_path)))
    sets = find_row(find_table(tables, "sets"), "sick", "dawgen")
    assert (sets["sets"], sets["rows"], sets["dropped %"], sets["label fidelity %"]) == ("3", "512", "6.9 ± 0.0", "-")
    cost = find_row(find_table(tables, "cost-mini-t5"), "lora")
    assert (cost["trained numbers"], cost["seconds"]) == ("57,000,000", "40.0")
    failed = find_row(find_table(tables, "failed"), "scenes-nli", "mini-t5", "ppt")
    assert failed["reason"].startswith("ShortfallError: expected 256 texts")


@pytest.mark.parametrize(
    ("tasks", "arms", "seeds"),
    [
        (["scenes-nli"], [TUNED], [13]),
        (["scenes-nli"], [FULL], [13]),
        (["sick"], [TUNED, FULL], [13]),
        (["scenes-nli", "sick"], [("zero_shot", "", "")], [13, 21]),
        (["scenes-nli"], ARMS, [13, 21]),
    ],
)
def test_little_data_gives_sensible_tables(
    tmp_path: Path, tasks: list[str], arms: list[tuple[str, str, str]], seeds: list[int]
) -> None:
    folder = make_grid(tmp_path, tasks=tasks, targets=["mini-t5"], arms=arms, seeds=seeds, sizes=False, failed=False)
    tables = make_tables(read_grid(folder))
    assert tables[0].key == "main-mini-t5"
    assert ("average" in tables[0].header) is (len(tasks) > 1)
    assert not any("nan" in cell.text or "inf" in cell.text for table in tables for row in table.rows for cell in row)
    assert all(table.rows for table in tables)
    assert not any(list_bold(table) for table in tables)


def test_a_grid_in_which_all_failed_lists_the_failures(tmp_path: Path) -> None:
    results = read_results(make_grid(tmp_path))
    write_results(tmp_path, {**results, "rows": [], "sets": []})
    assert [table.key for table in make_tables(read_grid(tmp_path))] == ["failed"]
    assert warn_of_optimism(read_grid(tmp_path)) == []


def test_arms_that_lack_tasks_have_no_average(tmp_path: Path) -> None:
    results = read_results(make_grid(tmp_path, sizes=False))
    results["rows"] = [row for row in results["rows"] if (row["task"], row["method"]) != ("sick", "gold")]
    results["rows"].append(make_row("qqp", "mini-t5", *TUNED, 16, 16, 13))
    write_results(tmp_path, results)
    main = find_table(make_tables(read_grid(tmp_path)), "main-mini-t5")
    gold = find_row(main, "gold")
    assert (gold["sick"], gold["average"]) == ("-", "-")
    assert find_row(main, "prompt_tuning")["average"] != "-"  # one seed has all three tasks
    assert any("qqp 1" in note for note in main.notes)


def test_a_row_that_lacks_a_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 cells in a row, got 1"):
        make_table("t", ["a", "b"], [["1"]], key="k")
