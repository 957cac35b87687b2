"""Tables and plot of `scenes_table`, from its rows or from the file that holds them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from dawgen.files import write_with
from dawgen.methods.table import METHODS
from dawgen.stats import compare, describe, show_way
from experiments.studies.cells import tabulate

BASE, OWN, CEILING = "prompt_tuning", "dawgen", "gold"
ORDER = tuple(METHODS)
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"


@dataclass(frozen=True, slots=True)
class Row:
    """One number: a prompt's accuracy, or where `method` is "" the label fidelity of a set.

    generator, data: "" where no synthetic set is used. seconds: of this cell alone, beside other processes.
    """

    task: str
    target: str
    generator: str
    data: str
    method: str
    seed: int
    accuracy: float
    macro_f1: float | None
    n: int
    seconds: float


Key = tuple[str, int]


def pick(rows: Iterable[Row], **wanted: str) -> dict[Key, float]:
    """Return the accuracy by task and seed of the rows whose fields have the wanted values."""
    return {
        (row.task, row.seed): row.accuracy
        for row in rows
        if all(getattr(row, name) == value for name, value in wanted.items())
    }


def pick_method(rows: Iterable[Row], target: str, method: str) -> dict[Key, float]:
    """Return the accuracy of a method on dawgen's curated set, or without a set where it needs none."""
    found = pick(rows, target=target, method=method, generator=OWN, data="curated")
    return found or pick(rows, target=target, method=method, generator="")


def make_blocks(rows: Sequence[Row]) -> dict[str, str]:
    """Return the tables of docs/evidence.md as Markdown, by the names of its blocks."""
    targets = list_targets(rows)
    return {
        "scenes": "\n".join(render_methods(rows, target) for target in targets),
        "scenes-generators": render_generators(rows),
        "scenes-differences": "\n".join(render_differences(rows, target) for target in targets),
    }


def render_methods(rows: Sequence[Row], target: str) -> str:
    """Return accuracy of every method by task, and the share of the way from prompt_tuning to gold."""
    tasks, base, ceiling = list_tasks(rows), pick_method(rows, target, BASE), pick_method(rows, target, CEILING)
    table = []
    for method in ORDER:
        values = pick_method(rows, target, method)
        if values:
            cells = [describe([v for (t, _), v in values.items() if t == task]) for task in tasks]
            own = "-" if method in (BASE, CEILING) else show_way(values, base, ceiling)
            table.append([method, *cells, f"{100 * fmean(values.values()):.1f}", own])
    return tabulate([f"{target}: method", *tasks, "mean", "way to gold"], table)


def render_generators(rows: Sequence[Row]) -> str:
    """Return label fidelity and accuracies by generator and curation, mean over tasks and seeds."""
    tasks, table = list_tasks(rows), []
    targets = [t for t in list_targets(rows) if pick(rows, target=t, data="raw")]
    probe = "linear_probe_synthetic"
    methods = ("synthetic_only", OWN, *((probe,) if any(row.method == probe for row in rows) else ()))
    shown = [(target, method) for target in targets for method in methods]
    for kind in dict.fromkeys(row.generator for row in rows if row.generator):
        for data in ("raw", "curated"):
            fidelity = pick(rows, generator=kind, data=data, method="")
            line = [kind, data, *(describe([v for (t, _), v in fidelity.items() if t == task]) for task in tasks)]
            for target, method in shown:
                found = pick(rows, generator=kind, data=data, method=method, target=target)
                line.append(f"{100 * fmean(found.values()):.1f}" if found else "-")
            table.append(line)
    head = [f"{target} {method}" for target, method in shown]
    return tabulate(["generator", "set", *(f"fidelity {task}" for task in tasks), *head], table)


def render_differences(rows: Sequence[Row], target: str) -> str:
    """Return paired differences by task and over all tasks."""
    tasks = list_tasks(rows)
    own = pick_method(rows, target, OWN)
    pairs = {f"dawgen - {m}": (own, pick_method(rows, target, m)) for m in ORDER if m != OWN}

    def with_set(kind: str, data: str) -> dict[Key, float]:
        return pick(rows, target=target, method=OWN, generator=kind, data=data)

    pairs["curated - raw set"] = (own, with_set(OWN, "raw"))
    for kind in ("weighted", "plain", "untuned"):
        pairs[f"dawgen - {kind} generator"] = (own, with_set(kind, "curated"))
    pairs = {name: pair for name, pair in pairs.items() if pair[1]}
    table = [
        [name, *(compare(_of(a, task), _of(b, task)).text for task in tasks), compare(a, b).text]
        for name, (a, b) in pairs.items()
    ]
    return tabulate([f"{target}: difference (wins, p)", *tasks, "all"], table)


def _of(values: dict[Key, float], task: str) -> dict[Key, float]:
    return {key: value for key, value in values.items() if key[0] == task}


def list_tasks(rows: Iterable[Row]) -> list[str]:
    """Return the tasks in order of appearance."""
    return list(dict.fromkeys(row.task for row in rows))


def list_targets(rows: Iterable[Row]) -> list[str]:
    """Return the targets in order of appearance."""
    return list(dict.fromkeys(row.target for row in rows if row.target))


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw every method's accuracy: a point per seed, a bar at the mean; a panel per task and target."""
    from matplotlib.figure import Figure

    tasks, targets = list_tasks(rows), list_targets(rows)
    methods = [method for method in reversed(ORDER) if pick(rows, method=method)]
    figure = Figure(figsize=(3.4 * len(tasks) + 1.2, 3.1 * len(targets)), layout="constrained")
    grid = figure.subplots(len(targets), len(tasks), sharex=True, sharey=True, squeeze=False)
    for target, line in zip(targets, grid, strict=True):
        for task, axes in zip(tasks, line, strict=True):
            for place, method in enumerate(methods):
                values = [100 * v for v in _of(pick_method(rows, target, method), task).values()]
                colour = {OWN: ORANGE, BASE: BLUE, CEILING: BLUE}.get(method, GREY)
                axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.55, markersize=4)
                if values:
                    axes.plot([fmean(values)] * 2, [place - 0.35, place + 0.35], color=colour, linewidth=2)
            axes.set_yticks(range(len(methods)), methods)
            axes.set_title(f"{task}, {target}", fontsize=10)
            axes.grid(alpha=0.3)
    for axes in grid[-1]:
        axes.set_xlabel("test accuracy, %")
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))
