"""The tables of docs/probabilities.md: are probabilities right, before and after a temperature?

python -m experiments.pages.calibration --grids runs/calibration \\
    --csv experiments/results/calibration.csv --into docs/probabilities.md  # scores of experiments.studies.calibration
python -m experiments.pages.calibration --csv experiments/results/calibration.csv  # the tables again

A way of finding T: `none` (T = 1); `dev`, on the dev rows; `shots`, on the shots as scored by prompts that have not
learned from them, held near 1, which is what dawgen does without dev rows; `loose`, the same and not held.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawgen.classifier.judge import SPREAD
from dawgen.files import read_json
from dawgen.report.table.core import Table, make_table
from dawgen.stats import (
    apply_temperature,
    compare,
    describe,
    find_aurc,
    find_brier,
    find_ece,
    find_ece_noise,
    find_nll,
    fit_temperature,
    trace_risk,
)
from experiments.pages.blocks import fill_page

WAYS = ("none", "dev", "shots", "loose")
SHOWN, NAMES = WAYS[:3], ("before", "dev rows", "shots")
BELOW = 0.7  # of --below


@dataclass(frozen=True, slots=True)
class Row:
    """One task, seed and way. n: test rows. fitted: rows that T was found on, of which `fitted_right` (a share) were
    answered rightly. chance: the ECE that right probabilities would have. answered, wrong: shares of the rows whose
    probability is 0.7 or more, and of wrong answers among them."""

    task: str
    seed: int
    way: str
    n: int
    fitted: int
    fitted_right: float | None
    temperature: float
    accuracy: float
    ece: float
    chance: float
    brier: float
    nll: float
    aurc: float
    answered: float
    wrong: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Collect the rows where a folder is named, then fill the page's tables from the file."""
    fill_page(arguments, str(__doc__), Row, collect_rows, make_blocks)


def collect_rows(folders: Iterable[Path]) -> list[Row]:
    """Return the rows of all jobs whose prompt and folds have been scored."""
    found = []
    for path in sorted(path for folder in folders for path in folder.glob("*-prompt.json")):
        folds = path.with_name(path.name.replace("-prompt.json", "-folds.json"))
        if folds.is_file():
            task, seed, *_ = path.name.rsplit("-", 3)
            scored = read_json(path)
            found += measure_ways(task, int(seed), scored["test"], scored["dev"], read_json(folds)["shots"])
    return sorted(found, key=lambda row: (row.task.startswith("scenes"), row.task, row.seed, WAYS.index(row.way)))


def measure_ways(
    task: str, seed: int, test: Mapping[str, Any], dev: Mapping[str, Any], shots: Mapping[str, Any]
) -> list[Row]:
    """Return a row for each way. test, dev, shots: {"scores": [N,K], "labels": [N]}."""
    scores, labels = np.array(test["scores"]), test["labels"]
    rows = []
    for way, own, spread in (
        ("none", None, None),
        ("dev", dev, None),
        ("shots", shots, SPREAD),
        ("loose", shots, None),
    ):
        temperature, fitted, right = 1.0, 0, None
        if own is not None:
            temperature = fit_temperature(own["scores"], own["labels"], spread).value
            fitted, right = len(own["labels"]), _share_right(own)
        rows.append(
            Row(task, seed, way, len(labels), fitted, right, temperature, *_measure(scores, labels, temperature))
        )
    return rows


def make_blocks(rows: Sequence[Row]) -> dict[str, Table | str]:
    """Return the page's blocks: ECE of each way, the other numbers, and the sentence of counts."""
    return {
        "ece": list_ece(rows),
        "others": list_others(rows),
        "answered": list_answered(rows),
        "counts": count_better(rows),
    }


def list_ece(rows: Sequence[Row]) -> Table:
    """Return ECE in percent by task and way, and how far it falls from none, paired by seed."""
    lines = []
    for task in _list_tasks(rows):
        own = {way: _take(rows, task, way) for way in WAYS}
        ece = {way: {seed: row.ece for seed, row in by_seed.items()} for way, by_seed in own.items()}
        gains = [compare(ece["none"], ece[way]) for way in ("dev", "shots")]
        n = next(iter(own["none"].values())).n
        texts = [describe(list(ece[way].values())) for way in WAYS]
        chance = 100 * fmean(row.chance for row in own["dev"].values())
        accuracy = describe([row.accuracy for row in own["none"].values()])
        lines.append([task, str(n), accuracy, *texts, f"{chance:.1f}", *(one.text for one in gains)])
    header = ["task", "n", "accuracy", "ECE before", "dev rows", "shots", "shots, not held near 1", "by chance"]
    header += ["fall by dev rows", "fall by shots"]
    means = ["mean of tasks", "", *(f"{100 * _mean(rows, way, name):.1f}" for way, name in _MEANS), "", ""]
    return make_table("ECE in percent", header, [*lines, means], key="ece")


def list_others(rows: Sequence[Row]) -> Table:
    """Return T, Brier score and NLL by task, before and with each way."""
    lines = []
    for task in _list_tasks(rows):
        own = {way: list(_take(rows, task, way).values()) for way in WAYS}
        line = [task, *(_spread([row.temperature for row in own[way]], 2) for way in SHOWN[1:])]
        for name in ("brier", "nll"):
            line += [_spread([getattr(row, name) for row in own[way]], 3) for way in SHOWN]
        lines.append(line)
    header = ["task", "T, dev rows", "T, shots", *(f"{name}, {way}" for name in ("Brier", "NLL") for way in NAMES)]
    return make_table("Temperatures, Brier scores and NLL in nats", header, lines, key="others")


def list_answered(rows: Sequence[Row]) -> Table:
    """Return what is answered at `BELOW` and wrong among it, and AURC, in percent by task."""
    lines = []
    for task in _list_tasks(rows):
        own = {way: list(_take(rows, task, way).values()) for way in WAYS}
        wrong = 100 * (1 - fmean(row.accuracy for row in own["none"]))
        aurc = [f"{100 * fmean(row.aurc for row in own[way]):.1f}" for way in SHOWN]
        lines.append([task, f"{wrong:.0f}", *(_describe_answered(own[way]) for way in SHOWN), *aurc])
    header = ["task", "wrong of all", *(f"answered: wrong, {way}" for way in NAMES), *(f"AURC, {way}" for way in NAMES)]
    return make_table(f"Answered at {BELOW:g} and more: wrong among these, in percent", header, lines, key="answered")


def count_better(rows: Sequence[Row]) -> str:
    """Return in how many of the pairs of task and seed each way has a lower ECE and NLL than none."""
    texts = []
    for way, name in (("dev", "dev rows"), ("shots", "shots"), ("loose", "shots, not held near 1")):
        pairs = [
            (row, before)
            for task in _list_tasks(rows)
            for before, row in zip(_take(rows, task, "none").values(), _take(rows, task, way).values(), strict=True)
        ]
        ece = sum(row.ece < before.ece for row, before in pairs)
        nll = sum(row.nll < before.nll for row, before in pairs)
        far = max((row.ece - before.ece for row, before in pairs), default=0)
        texts.append(
            f"- {name}: ECE is lower in {ece} of {len(pairs)} pairs of task and seed, NLL in {nll}; "
            f"where ECE rises most it is by {100 * far:.1f} points."
        )
    return "\n".join(texts) + "\n"


_MEANS = (("none", "accuracy"), *((way, "ece") for way in WAYS), ("dev", "chance"))


def _mean(rows: Sequence[Row], way: str, name: str) -> float:
    return fmean(getattr(row, name) for row in rows if row.way == way)


def _measure(scores: NDArray[np.float64], labels: Sequence[int], temperature: float) -> tuple[Any, ...]:
    logs = apply_temperature(scores, temperature)
    chances = np.exp(logs)
    sure, right = chances.max(1), scores.argmax(1) == np.array(labels)
    point = [one for one in trace_risk(sure, right) if one.threshold >= BELOW]
    answered, wrong = (point[-1].coverage, point[-1].risk) if point else (0.0, None)
    ece = find_ece(sure, right), find_ece_noise(sure)
    others = find_brier(chances, labels), find_nll(logs, labels), find_aurc(sure, right)
    return float(right.mean()), *ece, *others, answered, wrong


def _share_right(own: Mapping[str, Any]) -> float:
    return float((np.array(own["scores"]).argmax(1) == np.array(own["labels"])).mean())


def _take(rows: Sequence[Row], task: str, way: str) -> dict[int, Row]:
    return {row.seed: row for row in rows if (row.task, row.way) == (task, way)}


def _list_tasks(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.task for row in rows))


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{fmean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def _describe_answered(rows: Sequence[Row]) -> str:
    """Return the share answered and, of all that is answered over the seeds, the share wrong."""
    answered = sum(row.answered for row in rows)
    wrong = sum(row.answered * (row.wrong or 0) for row in rows)
    return f"{100 * answered / len(rows):.0f}: {100 * wrong / answered:.0f}" if answered else "0: -"


if __name__ == "__main__":
    main()
