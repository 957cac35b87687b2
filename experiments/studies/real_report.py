"""Tables and figure of `experiments.studies.real_table`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from dawgen.curation import REASONS
from dawgen.files import write_with
from dawgen.stats import compare, describe, show_way
from experiments.studies.cells import tabulate
from experiments.studies.real_data import Published, count_drops, read_fields

Key = tuple[str, int]  # task, seed
Scores = dict[tuple[str, str, str, int], dict[str, Any]]  # set, method, task, seed -> numbers
ARMS = ("zero_shot", "prompt_tuning", "paired", "dawgen", "gold")
COLOURS = ("#56B4E9", "#0072B2", "#E69F00", "#D55E00", "#009E73")  # Okabe and Ito's, told apart by the colour-blind
MARKS = ("v", "o", "s", "D", "^")


@dataclass(frozen=True, slots=True)
class Table:
    """All that is reported. classes: test rows per label of each task; own: folders of our sets; rows: of FewGen's."""

    scores: Scores
    classes: Mapping[str, Mapping[str, int]]
    published: Mapping[Key, Published]
    own: Mapping[Key, Path]
    rows: int

    def pick(
        self, kind: str, method: str, *, tasks: Iterable[str] | None = None, what: str = "accuracy"
    ) -> dict[Key, float]:
        """Return one number of an arm by task and seed."""
        wanted = set(self.classes if tasks is None else tasks)
        return {
            (task, seed): values[what]
            for (kind_, method_, task, seed), values in self.scores.items()
            if (kind_, method_) == (kind, method) and task in wanted
        }


def print_tables(table: Table) -> None:
    """Print everything as Markdown."""
    print("\nAccuracy, mean ± standard deviation over seeds (in brackets how many, where they differ)\n")
    print(tabulate_arms(table, "accuracy"))
    print("Macro-F1, likewise\n")
    print(tabulate_arms(table, "macro_f1"))
    print("Paired differences of accuracy in points: mean ± standard deviation (won/pairs, p of Wilcoxon's test;")
    print("seeds of a task share its test rows, so that over all pairs p is a guide and no proof)\n")
    print(tabulate_differences(table))
    if table.published:
        print(f"Accuracy with FewGen's sets, at most {table.rows} rows per label, on the seeds that have one\n")
        print(tabulate_published(table))
        print(f"What curation dropped of FewGen's sets (used: the first {table.rows} kept, as many of every label)\n")
        print(
            tabulate_drops(
                (*key, label, counts) for key, one in table.published.items() for label, counts in one.counts.items()
            )
        )
    if table.own:
        print("What curation dropped of our own sets, all seeds together\n")
        print(tabulate_drops(_count_own(table)))


def tabulate_arms(table: Table, what: str) -> str:
    """Return the table of all arms on our own sets, one line per task."""
    lines = []
    for task, classes in table.classes.items():
        rows = sum(classes.values())
        found = {arm: list(table.pick("own", arm, tasks=[task], what=what).values()) for arm in ARMS}
        most = max((len(values) for values in found.values()), default=0)
        cells = [
            describe(values) + (f" ({len(values)})" if values and len(values) < most and arm != "zero_shot" else "")
            for arm, values in found.items()
        ]
        largest = (
            f"{100 * max(classes.values()) / rows:.1f}" if what == "accuracy" else f"{100 * _largest_f1(classes):.1f}"
        )
        lines.append([task, str(rows), str(most), largest, *cells])
    return tabulate(["task", "test rows", "seeds", "largest class", *ARMS], lines)


def tabulate_differences(table: Table) -> str:
    """Return dawgen against prompt_tuning and paired, and which share of the way to gold it goes."""
    lines = []
    for name, tasks in _group(table.classes):
        dawgen, real, paired, gold = (
            table.pick("own", arm, tasks=tasks) for arm in ("dawgen", "prompt_tuning", "paired", "gold")
        )
        way = show_way(dawgen, real, gold)
        lines.append([name, compare(dawgen, real).text, compare(dawgen, paired).text, compare(gold, real).text, way])
    header = ["task", "dawgen - prompt_tuning", "dawgen - paired", "gold - prompt_tuning", "dawgen's way to gold"]
    return tabulate(header, lines)


def tabulate_published(table: Table) -> str:
    """Return FewGen's sets raw against curated, per task and method; our own sets on the same seeds beside them."""
    lines = []
    for name, tasks in _group(dict.fromkeys(task for task, _ in table.published)):
        seeds = [key for key in table.published if key[0] in tasks]
        real = table.pick("own", "prompt_tuning", tasks=tasks)
        for method in ("synthetic_only", "paired", "dawgen"):
            own, raw, curated = (table.pick(kind, method, tasks=tasks) for kind in ("own", "raw", "curated"))
            cells = [describe([values[key] for key in seeds if key in values]) for values in (real, own, raw, curated)]
            lines.append([name, method, *cells, compare(curated, raw).text, compare(curated, real).text])
    header = ["task", "method", "prompt_tuning", "own set", "FewGen raw", "FewGen curated"]
    return tabulate([*header, "curated - raw", "curated - prompt_tuning"], lines)


def tabulate_drops(counts: Iterable[tuple[str, Any, str, Mapping[str, int]]]) -> str:
    """Return the table of (task, seed, label, {"rows", "kept", "used", reason: number}); reasons that never occur are
    left out."""
    found = list(counts)
    names = [name for name in ("rows", "kept", "used", *REASONS) if any(row[3].get(name) for row in found)]
    lines = [[task, str(seed), label, *(str(row.get(name, 0)) for name in names)] for task, seed, label, row in found]
    return tabulate(["task", "seed", "label", *names], lines)


def draw_scores(table: Table, path: Path) -> None:
    """Draw one panel per task: a mark per seed and arm, the arm's mean as a bar, the largest class as a line."""
    from matplotlib.figure import Figure

    tasks = list(table.classes)
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(2.73 * columns, 2.7 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, task in zip(panels, tasks, strict=False):
        classes = table.classes[task]
        largest = max(classes.values()) / sum(classes.values())
        axes.axhline(100 * largest, color="#666666", linestyle="--", linewidth=1, label="largest class")
        for place, (arm, colour, mark) in enumerate(zip(ARMS, COLOURS, MARKS, strict=True)):
            values = [100 * value for value in table.pick("own", arm, tasks=[task]).values()]
            if not values:
                continue
            spread = [place + 0.12 * (i - (len(values) - 1) / 2) for i in range(len(values))]
            axes.scatter(spread, values, color=colour, marker=mark, s=22, alpha=0.75, linewidths=0, label=arm)
            axes.hlines(fmean(values), place - 0.36, place + 0.36, color=colour, linewidth=2)
        axes.set_title(f"{task} ({sum(classes.values())} test rows)", fontsize=10)
        axes.set_xticks([])
        axes.set_xlim(-0.6, len(ARMS) - 0.4)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("accuracy, %")
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    found = {name: handle for axes in panels for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    order = [name for name in ("largest class", *ARMS) if name in found]
    handles, title = [found[name] for name in order], "a mark per seed, the mean as a bar"
    if len(panels) > len(tasks):
        panels[-1].legend(handles, order, loc="center", frameon=False, fontsize=10, title=title)
    else:
        figure.legend(handles, order, loc="outside lower center", ncols=3, frameon=False, fontsize=9, title=title)
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def _group(tasks: Iterable[str]) -> list[tuple[str, Sequence[str]]]:
    names = list(tasks)
    return [*((task, [task]) for task in names), *([("all", names)] if len(names) > 1 else [])]


def _largest_f1(classes: Mapping[str, int]) -> float:
    """Return the macro-F1 of who always says the largest class."""
    share = max(classes.values()) / sum(classes.values())
    return 2 * share / (1 + share) / len(classes)


def _count_own(table: Table) -> Iterable[tuple[str, Any, str, Mapping[str, int]]]:
    for task in table.classes:
        counts = {label: Counter[str]() for label in table.classes[task]}
        for (task_, _), folder in table.own.items():
            if task_ != task:
                continue
            for label, reasons in count_drops(folder / "dropped.jsonl").items():
                counts[label].update(reasons)
                counts[label]["rows"] += reasons.total()
            for row in read_fields(folder / "train.jsonl"):
                counts[row["label"]].update(("rows", "kept"))
        for label, count in counts.items():
            yield task, "all", label, count
