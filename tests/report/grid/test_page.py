"""The page of a grid: whole, escaped, pure, without outside references, and silent about what there is not."""

import pytest

from dawgen.errors import ConfigError, DataError
from dawgen.report import make_report, render_grid
from dawgen.report.table.core import Cell, make_table
from dawgen.report.table.layout import lay_out
from support.grid_folders import EVIL, make_grid, make_row, read_results, write_results
from support.pages import check_self_contained, parse
from support.run_folders import make_run

SMALL = (
    ("zero_shot", "", ""),
    ("prompt_tuning", "real", ""),
    ("fewgen", "paired", "none"),
    ("dawgen", "paired", "none"),
    ("dawgen", "paired", "project"),
)


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    return make_grid(tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="module")
def page(rich):
    return render_grid(rich, compare="paper")


def make_small(folder, **change):
    """Write a grid of one task, one target and few arms, with some fields of results.json changed."""
    make_grid(folder, tasks=["scenes-nli"], targets=["mini-t5"], arms=SMALL, sizes=False, failed=False)
    write_results(folder, read_results(folder) | change)
    return folder


def test_a_rich_grid_has_every_section(page):
    assert parse(page).headings == [
        "handmade",
        "Methods",
        "Macro-F1",
        "Beside the paper",
        "Ablation",
        "Combining real and synthetic data",
        "Learning curves",
        "Significance",
        "Item uncertainty",
        "Choices made on the dev set",
        "Confusion matrices",
        "Training curves",
        "Synthetic sets",
        "Environment and cost",
        "Failed cells",
    ]


def test_nothing_is_fetched_and_ids_are_unique(page):
    check_self_contained(page)


def test_foreign_texts_are_escaped(page):
    assert EVIL not in page
    assert "<script" not in page
    # a sample of each label and generator of two tasks, and the reason of the failed cell
    assert (
        page.replace("<wbr>", "").count("&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; $more$")
        == 2 * 3 + 2 * 2 + 1
    )


def test_foreign_names_are_escaped_in_charts_too(tmp_path):
    task = "a<b>$x$ & \u8a9e"
    folder = make_grid(tmp_path, tasks=[task], targets=['"t"<i>'], arms=SMALL, seeds=(1, 2), failed=False)
    page = render_grid(folder)
    assert "<b>$x$" not in page.replace('<b style="', "")
    assert "<i>" not in page
    assert 'aria-label="Accuracy on a&lt;b&gt;$x$ &amp; \u8a9e"' in page
    check_self_contained(page)


def test_the_same_files_give_the_same_bytes(tmp_path):
    folder = make_small(tmp_path)
    assert render_grid(folder) == render_grid(folder)


def test_sections_without_data_are_left_out(tmp_path):
    rows = [make_row("scenes-nli", "mini-t5", "zero_shot", "", "", 16, 16, seed) for seed in (1, 2)]
    page = render_grid(make_small(tmp_path, rows=rows, sets=[]))
    headings = parse(page).headings[1:]
    assert headings == [
        "Methods",
        "Macro-F1",
        "Item uncertainty",
        "Confusion matrices",
        "Environment and cost",
    ]


def test_a_grid_without_finished_cells_is_a_page_too(tmp_path):
    page = render_grid(make_small(tmp_path, rows=[], sets=[], environment={}))
    assert "No cell has ended yet." in page
    assert parse(page).headings == ["handmade"]


def test_warnings_stand_before_the_numbers(tmp_path):
    folder = make_small(tmp_path)
    results = read_results(folder)
    for row in results["rows"][:2]:
        row["warnings"] = [f"{row['n_test'] + row['seed']} of 900 <answers> are neutral"]
    for row in results["rows"]:
        row["looks"] = 400
    results["failed"] = [{"task": "t", "target": "m", "method": "lora", "seed": 1, "error": "out of memory"}]
    write_results(folder, results)
    page = render_grid(folder)
    box = page[page.index('class="warnings"') : page.index("<h2>Methods</h2>")]
    assert "3 warnings" in box
    assert "1 cell failed" in box
    assert "73 of 900 &lt;answers&gt; are neutral (2 cells alike)" in box
    assert "the dev accuracy of 4 methods chose among so many" in box


def test_confusion_matrices_are_sums_over_seeds(tmp_path):
    folder = make_small(tmp_path)
    results = read_results(folder)
    for number, row in enumerate(row for row in results["rows"] if row["method"] == "prompt_tuning"):
        row["confusion"] = [[101 + number, 0, 99 - number], [0, 0, 0], [0, 0, 0]]
    write_results(folder, results)
    assert '306<small>51 %</small></td><td class="c" style="--share:0.000">0<small>0 %</small>' in render_grid(folder)


def test_another_baseline_is_compared_with(tmp_path):
    folder = make_small(tmp_path)
    assert "Differences to prompt_tuning on mini-t5" in render_grid(folder)
    page = render_grid(folder, baseline="fewgen/paired")
    assert "Differences to fewgen/paired on mini-t5" in page
    assert "Differences to prompt_tuning" not in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": "loro"}, "--baseline loro: expected an arm of the grid: zero_shot, prompt_tuning"),
        ({"compare": "peers"}, "--compare peers: expected paper"),
    ],
)
def test_unknown_options_are_refused(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        render_grid(make_small(tmp_path), **options)


def test_nothing_is_bold_without_significance(tmp_path):
    assert "<td" in render_grid(make_small(tmp_path))
    body = render_grid(make_small(tmp_path)).split("</style>")[1]
    assert '<td class="n"><strong>' not in body


def test_what_is_significant_is_bold(tmp_path):
    names = ["scenes-nli", "sick"]
    folder = make_grid(tmp_path, tasks=names, targets=["mini-t5"], arms=SMALL, seeds=range(8), sizes=False)
    assert '<td class="n"><strong>' in render_grid(folder)


def test_a_report_takes_runs_or_one_grid(tmp_path):
    grid, run = make_small(tmp_path / "grid"), make_run(tmp_path / "run")
    page, tables = make_report([grid])
    assert page == render_grid(grid)
    assert {"main-mini-t5", "cost-mini-t5", "sets"} <= {table.key for table in tables}
    assert "<h2>Methods</h2>" in make_report([run])[0]
    with pytest.raises(ConfigError, match="expected it alone, got 2 folders"):
        make_report([run, grid])
    with pytest.raises(ConfigError, match="--compare paper: expected a grid's folder"):
        make_report([run], compare="paper")
    with pytest.raises(DataError, match="expected a finished run"):
        make_report([tmp_path])


def test_methods_stand_under_their_family_with_the_rest_of_their_name():
    names = ["zero_shot", "lora", "gold", "fewgen/paired", "fewgen/paired/pcgrad", "dawgen/pooled", "dawgen"]
    layout = lay_out(make_table("t", ["method", "x"], [[name, "1"] for name in names], key="t"))
    assert [group.title for group in layout.groups][3:] == ["fewgen's sets", "dawgen's sets"]
    shown = [row[0].text for group in layout.groups for row in group.rows]
    assert shown[2:] == ["gold", "paired", "paired / pcgrad", "pooled", "paired / project"]


def test_a_short_table_keeps_its_rows_together():
    layout = lay_out(make_table("t", ["method", "x"], [["lora", "1"], ["dawgen", "2"]], key="t"))
    assert [group.title for group in layout.groups] == [""]
    assert [row[0].text for row in layout.groups[0].rows] == ["lora", "dawgen"]


def test_repeated_first_cells_become_headings_and_intervals_lines_of_their_own():
    rows = [["fewgen", "no", Cell("60.1 ± 2.0 [55.0, 65.2] (2)", bold=True)], ["fewgen", "yes", "-"]]
    layout = lay_out(make_table("t", ["generator", "surgery", "x"], rows, key="t", names=2))
    assert (layout.header, layout.names, layout.groups[0].title) == (("surgery", "x"), 1, "fewgen")
    cell = layout.groups[0].rows[0][1]
    assert (cell.text, cell.small, cell.bold) == ("60.1 ± 2.0 (2)", "[55.0, 65.2]", True)


def test_what_the_title_says_needs_no_column():
    rows = [["lora", "gold", "+1.0"], ["eda", "gold", "+2.0"]]
    header = ["method", "against", "difference"]
    assert lay_out(make_table("Differences to gold", header, rows, key="t", names=2)).header == ("method", "difference")
    assert lay_out(make_table("Differences", header, rows, key="t", names=2)).header == tuple(header)


def test_a_targets_quantisation_stands_beside_its_name(tmp_path):
    folder = make_grid(tmp_path, tasks=["scenes-nli"], targets=["smollm2", "mini-t5"], arms=SMALL, failed=False)
    results = read_results(folder)
    for row in results["rows"]:
        if row["target"] == "smollm2":
            row["quantisation"] = "Q4_1"
    write_results(folder, results)
    assert "smollm2 (Q4_1)" in render_grid(folder)
