"""Any table as Markdown, LaTeX (booktabs) and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from dawgen.files import write_text
from dawgen.report.table.core import Cell, Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # at the start of a row it would be read as the argument of the line break before it
    "]": "{]}",
    "±": r"$\pm$",
}


def list_files(tables: Iterable[Table]) -> list[str]:
    """Return the names of the files that `write_tables` writes."""
    return [f"{table.key}.{ending}" for table in tables for ending in ("md", "tex", "csv")]


def write_tables(tables: Iterable[Table], folder: Path) -> list[Path]:
    """Write KEY.md, KEY.tex and KEY.csv of every table into the folder; returns the paths."""
    paths = []
    for table in tables:
        for ending, text in (("md", as_markdown(table)), ("tex", as_latex(table)), ("csv", as_csv(table))):
            paths.append(Path(folder) / f"{table.key}.{ending}")
            write_text(paths[-1], text)
    return paths


def as_markdown(table: Table) -> str:
    """Return the title, the table and its notes as GitHub's Markdown."""
    marks = ["---" if column < table.names else "---:" for column in range(len(table.header))]
    lines = [[_escape_markdown(text) for text in table.header], marks]
    lines += [[_write_markdown(cell) for cell in row] for row in table.rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "".join(f"\n{_escape_markdown(note)}\n" for note in table.notes)
    return f"**{_escape_markdown(table.title)}**\n\n{body}\n{notes}"


def as_latex(table: Table) -> str:
    """Return a table environment; it needs \\usepackage{booktabs}. Labels are tab:KEY."""
    columns = "l" * table.names + "r" * (len(table.header) - table.names)
    rows = [" & ".join(_write_latex(cell) for cell in row) for row in table.rows]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escape_latex(table.title)}}}",
        rf"\label{{tab:{table.key}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(_escape_latex(text) for text in table.header) + r" \\",
        r"\midrule",
        *(row + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {_escape_latex(note)}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(table: Table) -> str:
    """Return header and rows; title, notes and bold are left out."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows([cell.text for cell in row] for row in table.rows)
    return stream.getvalue()


def _write_markdown(cell: Cell) -> str:
    text = _escape_markdown(cell.text)
    return f"**{text}**" if cell.bold and text else text


def _escape_markdown(text: str) -> str:
    """Escape characters that would end a cell, start HTML or change the font; single underscores in names do not."""
    return " ".join(re.sub(r"([\\|*`]|<(?=[A-Za-z/!?]))", r"\\\1", text).split())


def _write_latex(cell: Cell) -> str:
    text = _escape_latex(cell.text)
    return rf"\textbf{{{text}}}" if cell.bold and text else text


def _escape_latex(text: str) -> str:
    escaped = "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped)  # a minus, not a hyphen
