"""The table of what an early end of training saves and costs: `python -m experiments.pages.patience runs/patience`.

`dawgen bench --grid patience --show` says how it is run. Each training is there twice, to its last step and with the
default patience; of both the prompt that was best on the dev set is measured on the test rows.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from dawgen.files import read_json
from experiments.pages.blocks import show_blocks

STEPS = 150


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or put it into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of the grid")
    parser.add_argument("--into", type=Path, help="the page that has the block")
    options = parser.parse_args(arguments)
    show_blocks({"patience": tabulate(read_rows(options.folder))}, options.into)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a grid's results, each with its cell's file."""
    rows = read_json(folder / "results.json")["rows"]
    return [row | {"cell": read_json(folder / "prompts" / f"{row['key']}.json")} for row in rows]


def tabulate(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table: steps taken, and accuracy with and without an early end, by task and method."""
    groups: dict[tuple[str, str], dict[bool, list[dict[str, Any]]]] = defaultdict(lambda: {True: [], False: []})
    for row in rows:
        groups[row["task"], row["method"]][bool(row["sweep"]["target.patience"])].append(row["cell"])
    lines = [
        "| task | method | steps of 150 | to the last step | ended early | difference |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for (task, arm), found in sorted(groups.items()):
        steps = [cell["ended"]["step"] if "ended" in cell else STEPS for cell in found[True]]
        whole, early = (100 * fmean(cell["accuracy"] for cell in found[ends]) for ends in (False, True))
        taken = ", ".join(map(str, steps))
        lines.append(f"| {task} | {arm} | {taken} | {whole:.1f} | {early:.1f} | {early - whole:+.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
