"""The findings about a run's gradients as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dawgen.evaluate.gradients.numbers import Estimate

GROUPS = {
    "synthetic": "synthetic rows",
    "after": "synthetic rows after surgery",
    "second_real": "a second real batch (noise alone)",
    "shuffled": "synthetic rows, labels shuffled",
    "random": "random text",
    "real": "real rows, against the synthetic mean",
}


RIVALS = {"loss": "loss", "norm": "norm of its gradient", "posterior": "the generator's posterior"}


def describe_all(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences on conflict, on surgery, and on the opposing examples, from the data of gradients.json."""
    before, after = found["trainings"]["paired"], found["trainings"]["dawgen"]
    sentences = [describe_conflict(before), describe_batches(before), describe_removed(after)]
    return [*sentences, *(describe_mislabelled(before["examples"]) if before["examples"] is not None else [])]


def describe_conflict(training: Mapping[str, Any]) -> str:
    """Return how often single rows oppose the real gradient, beside the controls."""
    groups = training["groups"]
    parts = [
        f"{show_share(groups[name]['conflict'])} of {text}"
        for name, text in (
            ("second_real", "fresh real rows"),
            ("shuffled", "synthetic rows with shuffled labels"),
            ("random", "random texts"),
        )
        if name in groups
    ]
    start = f"Single rows: {show_share(groups['synthetic']['conflict'])} of synthetic rows point against the real "
    return f"{start}gradient; so do {_join(parts)}.{_compare_noise(training['excess']['conflict'])}"


def describe_batches(training: Mapping[str, Any]) -> str:
    """Return how often whole batches conflict, which is what surgery on whole prompts acts on."""
    groups = training["groups"]
    noise = groups.get("second_real")
    against = f"; for a second real batch it is {show_share(noise['batch_conflict'])}" if noise else ""
    return (
        f"Whole batches: the mean synthetic gradient conflicts in {show_share(groups['synthetic']['batch_conflict'])} "
        f"of the steps{against}.{_compare_noise(training['excess']['batch_conflict'])}"
    )


def describe_removed(training: Mapping[str, Any]) -> str:
    """Return how much surgery removed."""
    before, after = (training["groups"][name]["conflict"] for name in ("synthetic", "after"))
    return (
        f"Surgery removed {show_share(training['removed'])} of the synthetic gradient's length on average; single rows "
        f"in conflict went from {show_share(before)} to {show_share(after)}."
    )


def describe_mislabelled(examples: Mapping[str, Any]) -> list[str]:
    """Return whether the rows that oppose are the mislabelled ones."""
    counts = {kind: sum(run[kind] for run in examples["examples"]) for kind in examples["examples"][0]}
    total, wrong = sum(counts.values()), counts["mislabelled"]
    conflict, auc = examples["conflict"], examples["auc"]
    rivals = {name: value for name, value in auc.items() if name in RIVALS}
    listed = ", ".join(f"{RIVALS[name]} {show_auc(value)}" for name, value in rivals.items())
    return [
        f"Are they the mislabelled ones? The oracle finds {wrong} of {total} drawn rows mislabelled: these are in "
        f"conflict in {show_share(conflict['mislabelled'])} of their draws, rightly labelled ones in "
        f"{show_share(conflict['right'])}.",
        f"As a detector of wrong labels (AUC, 0.5 is guessing): cos with the real gradient {show_auc(auc['cos'])}, "
        f"{listed}. {_compare_rivals({name: examples['ahead'][name] for name in rivals})}",
    ]


def show_share(value: Estimate) -> str:
    """Return a share and its interval in percent, cut to the range of shares."""
    return _show(value, 100, 1, " %")


def show_auc(value: Estimate) -> str:
    """Return an AUC and its interval, cut to the range of an AUC."""
    return _show(value, 1, 2, "")


def excludes_zero(value: Estimate) -> bool:
    """Return whether the interval is all above or all below zero."""
    return value["low"] is not None and value["high"] is not None and (value["low"] > 0 or value["high"] < 0)


def _show(value: Estimate, factor: float, digits: int, unit: str) -> str:
    if value["mean"] is None:
        return "-"
    text = f"{factor * value['mean']:.{digits}f}{unit}"
    if value["low"] is None or value["high"] is None:
        return text
    low, high = clip_interval(value["low"], value["high"], 0, 1)
    return f"{text} ({factor * low:.{digits}f} to {factor * high:.{digits}f})"


def clip_interval(low: float, high: float, least: float, most: float) -> tuple[float, float]:
    """Return the part of Student's interval within the measure's range; with two or three runs it goes far beyond."""
    return max(least, low), min(most, high)


def _compare_noise(excess: Mapping[str, Estimate]) -> str:
    """Return how far the synthetic rows are from noise alone."""
    gap = excess.get("second_real")
    if gap is None or gap["mean"] is None:
        return ""
    low, high = gap["low"], gap["high"]
    interval = "" if low is None or high is None else f" ({100 * low:+.1f} to {100 * high:+.1f})"
    verdict = "beyond" if excludes_zero(gap) else "within"
    return f" Synthetic minus noise: {100 * gap['mean']:+.1f} points{interval}, {verdict} what chance gives."


def _compare_rivals(ahead: Mapping[str, Estimate]) -> str:
    """Return which rivals are better, from cos minus each."""
    sure = {name: value["mean"] or 0.0 for name, value in ahead.items() if excludes_zero(value)}
    better = [RIVALS[name] for name, gap in sure.items() if gap < 0]
    if better:
        return f"Clearly better than cos: {_join(better)}."
    if len(sure) == len(ahead):
        return "Cos is clearly better than all of them."
    return "None of them is clearly better than cos."


def _join(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else "".join(parts)
