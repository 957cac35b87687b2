"""Tables of SmolLM2 as the target on real tasks, and of what each of its settings is worth.

python -m experiments.pages.smollm2 --grids runs/smollm2 runs/smollm2_settings runs/banking77 \\
    --csv experiments/results/smollm2.csv
python -m experiments.pages.smollm2 --csv experiments/results/smollm2.csv  # the tables again

The files of the grids smollm2, smollm2_settings and banking77 say how they are run. Rows of grids that are still
running are shown as far as they are there: each cell of a table says of how many seeds it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from dawgen.errors import DataError
from dawgen.methods.table import METHODS
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_points
from dawgen.stats import describe
from experiments.pages.blocks import fill_page
from experiments.pages.rows import read_cells

MAIN, SETTINGS, MANY = "smollm2", "smollm2_settings", "banking77"  # names of the grids
BASE, WITH_SET, WEIGHT = "prompt_tuning", "dawgen", "epsilon"


@dataclass(frozen=True, slots=True)
class Row:
    """One finished cell. setting, value: what differs from the grid's base, else "". seconds: of its CPU."""

    grid: str
    task: str
    method: str
    setting: str
    value: str
    seed: int
    accuracy: float
    macro_f1: float
    n: int
    seconds: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect the grids' rows where there are any, then fill the page's tables from the file."""
    fill_page(arguments, str(__doc__), Row, collect_rows, make_blocks)


def collect_rows(folders: Iterable[Path]) -> list[Row]:
    """Return the rows of finished grids. Raises DataError for a row that learns from another set than its arm's."""
    found = []
    for grid, row in read_cells(folders):
        if row.data:
            raise DataError(f"{grid}: expected the arms' own sets, found {row.data}.")
        setting = ", ".join(name.removeprefix("target.") for name in row.sweep)
        value = ", ".join(map(str, row.sweep.values()))
        numbers = row.accuracy, row.macro_f1, row.n_test, row.cpu_seconds or row.seconds
        found.append(Row(grid, row.task, row.method, setting, value, row.seed, *numbers))
    return found


def make_blocks(rows: Sequence[Row]) -> dict[str, Table]:
    """Return the tables by the names of the page's blocks."""
    return {
        "smollm2": list_methods(rows, MAIN),
        "smollm2-settings": list_settings(rows),
        "smollm2-weights": list_weights(rows),
        "banking77": list_methods(rows, MANY),
    }


def list_methods(rows: Sequence[Row], grid: str) -> Table:
    """Return accuracy by method and task, mean ± standard deviation over seeds, and a training's minutes of CPU."""
    own = [row for row in rows if row.grid == grid and not row.setting]
    tasks = list(dict.fromkeys(row.task for row in own))
    lines = []
    for method in METHODS:
        found = [row for row in own if row.method == method]
        if found:
            cells = _describe_tasks(found, tasks)
            minutes = fmean(row.seconds for row in found) / 60
            lines.append([method, *cells, f"{minutes:.1f}"])
    return make_table("Accuracy by task", ["method", *tasks, "CPU minutes"], lines, key=grid)


def list_settings(rows: Sequence[Row]) -> Table:
    """Return accuracy by setting and value, and the mean difference from the base on the same tasks and seeds."""
    own = [row for row in rows if row.grid == SETTINGS and row.method == BASE]
    tasks = list(dict.fromkeys(row.task for row in own))
    base = [row for row in own if not row.setting]
    lines = []
    for setting, value in dict.fromkeys((row.setting, row.value) for row in sorted(own, key=_order)):
        found = [row for row in own if (row.setting, row.value) == (setting, value)]
        gap = _compare(found, base) if setting else "-"
        minutes = fmean(row.seconds for row in found) / 60
        lines.append([setting or "base", value or "-", *_describe_tasks(found, tasks), gap, f"{minutes:.1f}"])
    header = ["setting", "value", *tasks, "against the base (pairs)", "CPU minutes"]
    return make_table("Settings around the base", header, lines, key="smollm2-settings", names=2)


def list_weights(rows: Sequence[Row]) -> Table:
    """Return accuracy with a written set by the weight of its rows, and the mean difference from none of them, on the
    same tasks and seeds."""
    own = [row for row in rows if row.grid == SETTINGS]
    alone = [row for row in own if row.method == BASE and not row.setting]
    weighed = sorted((row for row in own if row.method == WITH_SET and row.setting == WEIGHT), key=_order)
    tasks = list(dict.fromkeys(row.task for row in weighed))
    lines = [["0", *_describe_tasks(alone, tasks), "-"]]
    for value in dict.fromkeys(row.value for row in weighed):
        found = [row for row in weighed if row.value == value]
        lines.append([value, *_describe_tasks(found, tasks), _compare(found, alone)])
    header = ["weight", *tasks, "against none (pairs)"]
    return make_table("Weight of the written rows", header, lines, key="smollm2-weights")


def _order(row: Row) -> tuple[bool, str, float, str]:
    try:
        number = float(row.value)
    except ValueError:
        number = 0.0
    return bool(row.setting), row.setting, number, row.value


def _describe_tasks(rows: Sequence[Row], tasks: Sequence[str]) -> list[str]:
    """Return mean, standard deviation and number of the accuracies of each task."""
    found = [[row.accuracy for row in rows if row.task == task] for task in tasks]
    return [f"{describe(values)} ({len(values)})" if values else "-" for values in found]


def _compare(rows: Sequence[Row], base: Sequence[Row]) -> str:
    """Return the mean difference from the base's rows of the same task and seed, and of how many pairs it is."""
    known = {(row.task, row.seed): row.accuracy for row in base}
    gaps = [row.accuracy - known[row.task, row.seed] for row in rows if (row.task, row.seed) in known]
    return f"{write_points(fmean(gaps))} ({len(gaps)})" if gaps else "-"


if __name__ == "__main__":
    main()
