"""Markdown, LaTeX and CSV of a table: readable back, and nothing in a cell can break out of it."""

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.report.grid.files import read_grid
from dawgen.report.grid.tables import make_tables
from dawgen.report.table.core import Cell, Table, make_table
from dawgen.report.table.exports import as_csv, as_latex, as_markdown, write_tables
from support.grid_folders import make_grid

TABLE = make_table(
    "Accuracy of prompt_tuning",
    ["method", "sick & more"],
    [["prompt_tuning", Cell("-1.5 [-2.0, +0.5]", bold=True)], ["a|b", "p < 0.001 ± 50 %"]],
    notes=["One note."],
    key="small",
)
CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def test_markdown_is_a_table_with_aligned_numbers() -> None:
    assert as_markdown(TABLE) == (
        "**Accuracy of prompt_tuning**\n\n"
        "| method | sick & more |\n"
        "| --- | ---: |\n"
        "| prompt_tuning | **-1.5 [-2.0, +0.5]** |\n"
        "| a\\|b | p < 0.001 ± 50 % |\n"
        "\nOne note.\n"
    )


def test_latex_is_a_booktabs_table() -> None:
    assert as_latex(TABLE) == (
        "\\begin{table}\n\\centering\n\\caption{Accuracy of prompt\\_tuning}\n\\label{tab:small}\n"
        "\\begin{tabular}{lr}\n\\toprule\nmethod & sick \\& more \\\\\n\\midrule\n"
        "prompt\\_tuning & \\textbf{$-$1.5 {[}$-$2.0, +0.5{]}} \\\\\n"
        "a|b & p \\textless{} 0.001 $\\pm$ 50 \\% \\\\\n"
        "\\bottomrule\n\\end{tabular}\n\\par\\footnotesize One note.\n\\end{table}\n"
    )


def test_csv_has_the_texts_alone() -> None:
    assert list(csv.reader(as_csv(TABLE).splitlines())) == [
        ["method", "sick & more"],
        ["prompt_tuning", "-1.5 [-2.0, +0.5]"],
        ["a|b", "p < 0.001 ± 50 %"],
    ]


@pytest.mark.parametrize(
    ("text", "markdown", "latex"),
    [
        ("<script>", "\\<script>", "\\textless{}script\\textgreater{}"),
        ("two\nlines", "two lines", "two lines"),
        ("\\input{x}", "\\\\input{x}", "\\textbackslash{}input\\{x\\}"),
        ("*50* `%` #1", "\\*50\\* \\`%\\` #1", "*50* `\\%` \\#1"),
        ("dawgen-2 and -2", "dawgen-2 and -2", "dawgen-2 and $-$2"),
    ],
)
def test_special_characters_stay_letters(text: str, markdown: str, latex: str) -> None:
    table = make_table("t", ["a"], [[text]], key="k")
    assert f"| {markdown} |" in as_markdown(table)
    assert f"\n{latex} \\\\\n" in as_latex(table)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=4))
def test_no_cell_breaks_out(rows: list[tuple[str, str]]) -> None:
    table = make_table("t", ["a", "b"], rows, key="k")
    lines = [line for line in as_markdown(table).split("\n") if line.startswith("|")]
    assert len(lines) == 2 + len(rows)
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3 for line in lines)
    body = as_latex(table).partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    assert len(re.findall(r"(?<!\\)&", body)) == len(rows)
    assert body.count("\\\\\n") == len(rows)
    assert [tuple(row) for row in list(csv.reader(as_csv(table).splitlines(keepends=True)))[1:]] == rows


def test_every_table_of_a_grid_is_written_three_times(tmp_path: Path) -> None:
    tables = make_tables(read_grid(make_grid(tmp_path / "grid")))
    paths = write_tables(tables, tmp_path / "tables")
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "tables").iterdir())
    assert len(paths) == 3 * len(tables)
    assert (tmp_path / "tables" / "main-mini-t5.md").read_text(encoding="utf-8") == as_markdown(tables[0])
    for table in tables:
        check_latex(table)


def check_latex(table: Table) -> None:
    text = as_latex(table)
    plain = re.sub(r"\\[{}]", "", text)
    assert plain.count("{") == plain.count("}")
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    assert text.isascii()
