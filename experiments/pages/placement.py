"""The table of docs/placement.md: prompts before and behind the text, paired by task and seed.

python -m experiments.pages.placement --grids runs/placement runs/smollm2_settings runs/smollm2 \\
    --csv experiments/results/placement.csv --into docs/placement.md
python -m experiments.pages.placement --csv experiments/results/placement.csv  # the table again

Of each grid the rows count whose only swept setting is target.placement, or none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from dawgen.report.table.core import Table, make_table
from dawgen.stats import compare, describe
from experiments.pages.blocks import fill_page
from experiments.pages.rows import read_prompts

SETTING = "target.placement"
PLACES = ("before", "behind")


@dataclass(frozen=True, slots=True)
class Row:
    """One finished cell. arm: its name in a grid file. seconds: of its CPU."""

    target: str
    task: str
    arm: str
    placement: str
    seed: int
    accuracy: float
    n: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect the grids' rows where there are any, then fill the page's table from the file."""
    fill_page(arguments, str(__doc__), Row, collect_rows, make_blocks)


def collect_rows(folders: Iterable[Path]) -> list[Row]:
    """Return the rows of finished cells of prompts in either place."""
    found = []
    for row in read_prompts(folders, SETTING):
        place = str(row.sweep.get(SETTING, "before"))
        seconds = row.cpu_seconds or row.seconds
        names = row.target, row.task, row.arm.name
        found.append(Row(*names, place, row.seed, row.accuracy, row.n_test, seconds))
    return found


def make_blocks(rows: Sequence[Row]) -> dict[str, Table]:
    """Return the table by the name of the page's block: a line for each target, task and arm that has both places."""
    lines = []
    for names in sorted({(row.target, row.task, row.arm) for row in rows}):
        own = [row for row in rows if (row.target, row.task, row.arm) == names]
        before, behind = ({row.seed: row for row in own if row.placement == place} for place in PLACES)
        both = [seed for seed in before if seed in behind]
        if both:
            found = [{seed: rows[seed].accuracy for seed in both} for rows in (before, behind)]
            faster = fmean(before[seed].seconds for seed in both) / fmean(behind[seed].seconds for seed in both)
            texts = [describe(list(values.values())) for values in found]
            lines.append([*names, *texts, compare(found[1], found[0]).text, f"{faster:.1f}"])
    header = ["target", "task", "arm", *PLACES, "behind against before", "CPU time, before / behind"]
    return {"placement": make_table("Before and behind", header, lines, key="placement", names=3)}


if __name__ == "__main__":
    main()
