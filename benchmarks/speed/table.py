"""results.json as a table, written into a page between two marks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dawgen.files import write_text

BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"


def render_table(results: Sequence[dict[str, Any]]) -> str:
    """Return the results as a Markdown table."""
    lines = ["| job | against | measured | ratio (lowest to highest) | aim | |", "| --- " * 6 + "|"]
    for row in results:
        measured, side = row["unit"].rsplit(", ", 1)
        spread = f"{show(row['ratio_median'])} ({show(row['ratio_min'])} to {show(row['ratio_max'])})"
        verdict = "reached" if row["holds"] else "**missed**"
        lines.append(
            f"| {row['name']} | {row['against']} | {measured} | {spread} | {side} {row['target']:g} | {verdict} |"
        )
    return "\n".join(lines)


def show(ratio: float) -> str:
    """Return a ratio with two or three figures, one where it is below a hundredth."""
    if ratio < 0.01:
        return f"{float(f'{ratio:.1g}'):f}".rstrip("0")
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


def rewrite_table(page: Path, results: Sequence[dict[str, Any]], caption: str) -> None:
    """Put table and caption between the marks of a page.

    Raises ValueError if the page lacks the marks.
    """
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page}: expected one {BEGIN} and one {END}")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    write_text(page, f"{before}{BEGIN}\n{render_table(results)}\n\n{caption}\n{END}{after}")


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the list in results.json."""
    results: list[dict[str, Any]] = json.loads(path.read_text())
    return results


def merge_results(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the old lines with those that were measured again in their places, and behind them what is new."""
    found = {_name(row): row for row in old} | {_name(row): row for row in new}
    return list(found.values())


def _name(row: dict[str, Any]) -> tuple[str, ...]:
    return row["name"], row["against"], row["unit"]
