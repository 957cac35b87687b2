"""The table of what an early end of training saves and costs.

python -m experiments.pages.patience --grids runs/patience runs/smollm2_settings \\
    --csv experiments/results/patience.csv --into docs/method.md
python -m experiments.pages.patience --csv experiments/results/patience.csv  # the table again

The files of these grids say how they are run. Each training is there twice, to its last step and with the default
patience; of both the prompt that was best on the dev set is measured on the test rows. Of each grid the rows count
whose only swept setting is target.patience, or none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_points
from experiments.pages.blocks import fill_page
from experiments.pages.rows import read_prompts

SETTING = "target.patience"
LAST, EARLY = "last step", "early"


@dataclass(frozen=True, slots=True)
class Row:
    """One finished training. end: where it was allowed to end. steps: that it took."""

    task: str
    method: str
    seed: int
    end: str
    steps: int
    accuracy: float
    n: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect the grids' rows where there are any, then fill the page's table from the file."""
    fill_page(arguments, str(__doc__), Row, collect_rows, make_blocks)


def collect_rows(folders: Iterable[Path]) -> list[Row]:
    """Return the rows of prompts of tasks and methods that were trained both ways."""
    found = []
    for row in read_prompts(folders, SETTING):
        if row.curves:
            end = EARLY if row.sweep.get(SETTING) else LAST
            steps = int(row.curves["step"][-1] or 0)
            found.append(Row(row.task, row.method, row.seed, end, steps, row.accuracy, row.n_test))
    twice = {(row.task, row.method) for row in found if row.end == EARLY}
    return [row for row in found if (row.task, row.method) in twice]


def make_blocks(rows: Sequence[Row]) -> dict[str, Table]:
    """Return the table by the name of the page's block: of the seeds that have both ends, by task and method."""
    lines = []
    for task, method in sorted({(row.task, row.method) for row in rows}):
        own = [row for row in rows if (row.task, row.method) == (task, method)]
        last, early = ({row.seed: row for row in own if row.end == end} for end in (LAST, EARLY))
        if both := [seed for seed in last if seed in early]:
            taken = ", ".join(str(early[seed].steps) for seed in both)
            means = [fmean(found[seed].accuracy for seed in both) for found in (last, early)]
            texts = [f"{100 * mean:.1f}" for mean in means]
            steps = f"{taken} of {last[both[0]].steps}"
            lines.append([task, method, steps, *texts, write_points(means[1] - means[0])])
    header = ["task", "method", "steps taken", "to the last step", "ended early", "difference"]
    return {"patience": make_table("To the last step and ended early", header, lines, key="patience", names=2)}


if __name__ == "__main__":
    main()
