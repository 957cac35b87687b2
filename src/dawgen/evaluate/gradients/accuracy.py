"""Whether surgery changed accuracy: the same runs trained with and without it, compared row by row of the test set.

Two kinds of noise are separate: other test rows (bootstrap over rows; McNemar's exact test of one run) and other seeds
(Student's t over the runs). With several runs "beyond noise" needs both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dawgen.records import Example
from dawgen.rng import numpy_rng
from dawgen.stats import average_items, bootstrap_items, find_mcnemar_p, find_t_interval


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of both trainings of one run on its test rows: right "1" or wrong "0", a character per row."""

    seed: int
    test: Sequence[Example]
    paired: str
    dawgen: str


def compare_accuracy(runs: Sequence[Answers]) -> dict[str, Any] | None:
    """Return accuracies, change (dawgen - paired, a share), intervals and verdict; None where a run has no test rows.

    over_rows: None where the runs have different test rows, as the same rows must be drawn for all. over_seeds: None
    for one run. verdict: "within noise" or "beyond noise".
    """
    if not all(run.test for run in runs):
        return None
    each = [_compare_one(run) for run in runs]
    changes = [one["change"] for one in each]
    same = all(list(run.test) == list(runs[0].test) for run in runs)
    over_rows = None
    if same:
        gaps = average_items([run.dawgen for run in runs]) - average_items([run.paired for run in runs])
        over_rows = bootstrap_items(gaps, numpy_rng(runs[0].seed, "test rows"))
    over_seeds = find_t_interval(changes)
    intervals = [interval for interval in (over_rows, over_seeds) if interval is not None]
    beyond = bool(intervals) and all(low > 0 or high < 0 for low, high in intervals)
    return {
        "paired": sum(one["paired"] for one in each) / len(each),
        "dawgen": sum(one["dawgen"] for one in each) / len(each),
        "change": sum(changes) / len(changes),
        "over_rows": over_rows,
        "over_seeds": over_seeds,
        "n_test": len(runs[0].test),
        "verdict": "beyond noise" if beyond else "within noise",
        "runs": each,
    }


def describe_change(found: dict[str, Any] | None) -> str:
    """Return the plain sentence on accuracy."""
    if found is None:
        return "Whether surgery changed accuracy is unknown: the run has no test rows."
    parts = []
    if found["over_seeds"] is not None:
        parts.append(f"{_show(found['over_seeds'])} over {len(found['runs'])} seeds")
    if found["over_rows"] is not None:
        parts.append(f"{_show(found['over_rows'])} over {found['n_test']} test rows")
    alone = "" if found["over_seeds"] is not None else "; one seed, and other seeds may say otherwise"
    return (
        f"Surgery changed accuracy by {100 * found['change']:+.1f} points, from {found['paired']:.1%} to "
        f"{found['dawgen']:.1%} (95 % {', '.join(parts)}{alone}): {found['verdict']}."
    )


def _compare_one(run: Answers) -> dict[str, Any]:
    pairs = list(zip(run.paired, run.dawgen, strict=True))
    won, lost = pairs.count(("0", "1")), pairs.count(("1", "0"))
    accuracies = {"paired": run.paired.count("1") / len(pairs), "dawgen": run.dawgen.count("1") / len(pairs)}
    p = find_mcnemar_p(run.paired, run.dawgen)
    return {"seed": run.seed, **accuracies, "change": (won - lost) / len(pairs), "won": won, "lost": lost, "p": p}


def _show(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:+.1f} to {100 * interval[1]:+.1f}"
