"""The table of probes on real tasks, alone and beside FewGen's published sets.

python -m experiments.pages.probes --grids runs/probes --csv experiments/results/probes.csv --into docs/probes.md
python -m experiments.pages.probes --csv experiments/results/probes.csv  # the table again

`dawgen bench --grid probes --show` says how the grid is run,
experiments/studies/judged_sets.py whence the second table.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_points
from dawgen.stats import describe
from experiments.pages.blocks import fill_page
from experiments.pages.rows import read_cells, read_rows
from experiments.studies import judged_sets

JUDGED = Path("experiments/results/judged_sets.csv")
ALONE = ("tfidf_probe", "encoder_probe")
METHODS = (*ALONE, "setfit")
SEEN = {"snli": "labels", "mnli": "labels", "qqp": "labels", "qnli": "pairs"}  # by MiniLM in its training


@dataclass(frozen=True, slots=True)
class Row:
    """One finished cell. data: the file of the synthetic rows beside the real ones, "" without."""

    task: str
    method: str
    data: str
    seed: int
    accuracy: float
    macro_f1: float
    n: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect the grid's rows where there are any, then fill the page's table from the file."""
    fill_page(
        arguments, str(__doc__), Row, collect_rows, lambda rows: make_blocks(rows, read_rows(JUDGED, judged_sets.Row))
    )


def make_blocks(rows: Sequence[Row], judged: Sequence[judged_sets.Row]) -> dict[str, Table]:
    """Return the tables by the names of the page's blocks."""
    return {"probes": list_tasks(rows), "judged": list_judged(judged)}


def collect_rows(folders: Iterable[Path]) -> list[Row]:
    """Return the rows of finished grids."""
    found = []
    for _, row in read_cells(folders):
        numbers = row.accuracy, row.macro_f1, row.n_test, row.cpu_seconds or row.seconds
        probe = row.method if row.method in METHODS else row.schedule  # where there is a set, its way of use
        found.append(Row(row.task, probe, row.data, row.seed, *numbers))
    return found


def list_tasks(rows: Sequence[Row]) -> Table:
    """Return accuracy by task and probe, and the mean change that a published set brings on the same seeds."""
    header = ["task", "seen", *METHODS, *(f"{name} + FewGen's set" for name in ALONE), "encoder_probe's macro-F1"]
    lines = []
    for task in dict.fromkeys(row.task for row in rows):
        own = [row for row in rows if row.task == task]
        alone = [[row for row in own if row.method == name and not row.data] for name in METHODS]
        with_set = [[row for row in own if row.method == name and row.data] for name in ALONE]
        cells = [_describe([row.accuracy for row in found]) for found in alone]
        gains = [_compare(found, known) for found, known in zip(with_set, alone[: len(ALONE)], strict=True)]
        lines.append([task, SEEN.get(task, ""), *cells, *gains, _describe([row.macro_f1 for row in alone[1]])])
    return make_table("Probes on real tasks", header, lines, key="probes", names=2)


def list_judged(rows: Sequence[judged_sets.Row]) -> Table:
    """Return a line for each task and probe: accuracies with each of its parts, means over seeds."""
    header = ["task", "probe", "kept by the judge", "the shots alone", "whole set", "judged", "as many, not judged"]
    header += ["first of 4 times as many, judged", "chosen of these"]
    lines = []
    for task, probe in dict.fromkeys((row.task, row.probe) for row in rows):
        own = [row for row in rows if (row.task, row.probe) == (task, probe)]
        kept = f"{fmean(row.kept / row.rows for row in own):.0%}"
        ways = [[row.alone for row in own], [row.whole for row in own], [row.judged for row in own]]
        ways += [[row.fewer for row in own], [row.first for row in own], [row.chosen for row in own]]
        lines.append([task, probe, kept, *map(_describe, ways)])
    return make_table("Probes with judged sets", header, lines, key="judged", names=2)


def _describe(values: Sequence[float]) -> str:
    return f"{describe(values)} ({len(values)})" if values else "-"


def _compare(rows: Sequence[Row], known: Sequence[Row]) -> str:
    """Return the accuracy with a set, and its mean difference from the probe without on the same seeds."""
    before = {row.seed: row.accuracy for row in known}
    gaps = [row.accuracy - before[row.seed] for row in rows if row.seed in before]
    return f"{_describe([row.accuracy for row in rows])}, {write_points(fmean(gaps))}" if gaps else "-"


if __name__ == "__main__":
    main()
