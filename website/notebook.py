"""The tutorial as a notebook, from the page itself: `python -m website.notebook --out tutorial.ipynb`.

Its text becomes cells of text, each command a cell, with the output that the page shows. `--run` executes it.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from website.repository import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
NAME = "tutorial.ipynb"
STEPS = "target.steps=60"  # what the page's trainings take
ROWS = "--per-label 100"
FIRST = """Made from the page of the same name. First install the package, with the Python that runs this notebook:

    pip install dawgen

The outputs are those of the page: one thread of an AMD EPYC. It takes about two minutes."""
_BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")


def write_notebook() -> str:
    """Return the notebook as JSON (nbformat 4.5)."""
    text = PAGE.read_text(encoding="utf-8")
    cells, end = list[dict[str, Any]](), 0
    for block in _BLOCK.finditer(text):
        cells += [_make_text(text[end : block.start()]), _make_code(block[1], block[2] or "")]
        end = block.end()
    cells.append(_make_text(text[end:]))
    title, _, rest = cells[0]["source"].partition("\n")
    cells[0]["source"] = f"{title}\n\n{FIRST}\n{rest}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    found = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def run_notebook(steps: int) -> int:
    """Execute the notebook in an empty folder and return how many commands it has.

    steps: of each training, in place of the page's, so that CI need not wait; with fewer than the page's, sets are a
    fifth as large too.

    Raises:
        nbclient.exceptions.CellExecutionError: a command fails.
    """
    import nbformat
    from nbclient import NotebookClient

    text = write_notebook()
    if f"target.steps={steps}" != STEPS:
        text = text.replace(STEPS, f"target.steps={steps}").replace(ROWS, "--per-label 20")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return sum(cell.cell_type == "code" for cell in notebook.cells)


def add_link(markdown: str) -> str:
    """Return the tutorial's text with a link to the notebook under its title."""
    title, _, rest = markdown.partition("\n")
    return f"{title}\n\n[Download this page as a notebook]({NAME}){{ download }}\n{rest}"


def main() -> None:
    """Write or run the notebook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write it there")
    parser.add_argument("--run", action="store_true", help="execute it in an empty folder, and keep nothing")
    parser.add_argument("--steps", type=int, default=60, help="with --run: steps of each training (60, as on the page)")
    options = parser.parse_args()
    if options.out is not None:
        options.out.write_text(write_notebook(), encoding="utf-8")
    if options.run:
        began = time.monotonic()
        commands = run_notebook(options.steps)
        print(f"{commands} commands ran, trainings of {options.steps} steps: {time.monotonic() - began:.0f} s")


def _make_text(text: str) -> dict[str, Any]:
    """Return a cell of text; a link to another page is its words, as the notebook lies alone."""
    return {"cell_type": "markdown", "metadata": {}, "source": _LINK.sub(r"\1", text).strip("\n")}


def _make_code(command: str, output: str) -> dict[str, Any]:
    shown = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    source = f"%%bash\n{command.rstrip()}"  # which fails with the command, unlike `!`
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": shown, "source": source}


if __name__ == "__main__":
    main()
