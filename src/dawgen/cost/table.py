"""A prediction as text: one line before a run, a table, and a comparison with the times of a finished run."""

from __future__ import annotations

from collections.abc import Mapping

from dawgen.cost.predict import Prediction


def describe(prediction: Prediction) -> str:
    """Return one line, such as `predicted: tuning 12 s, writing 40 s, 5 methods 60 s, in all about 2 min and 0.4 GB of
    memory`.

    Where trainings may end early it says "at most" in place of "about".
    """
    kinds = {"tuning": 0.0, "judging": 0.0, "writing": 0.0}
    methods: dict[str, float] = {}
    for group, seconds in prediction.by_group().items():
        kind = group.split()[0]
        if kind in kinds:
            kinds[kind] += seconds
        else:
            methods[group] = seconds
    parts = [f"{name} {show_seconds(seconds)}" for name, seconds in kinds.items() if seconds]
    if methods:
        what = f"{len(methods)} methods" if len(methods) > 1 else next(iter(methods))
        parts.append(f"{what} {show_seconds(sum(methods.values()))}")
    bound = "at most" if prediction.may_end else "about"
    return (
        f"predicted: {', '.join(parts)}, in all {bound} {show_seconds(prediction.seconds)} and "
        f"{show_bytes(prediction.memory)} of memory"
    )


def describe_threads(prediction: Prediction) -> str | None:
    """Return which number of threads is used and why, such as `1 of 2 threads: 1.4 times as fast as 2`; None where none
    were compared."""
    seconds, chosen = prediction.by_threads, prediction.threads
    return None if chosen is None or len(seconds) < 2 else describe_choice(chosen, seconds)


def describe_choice(chosen: int, seconds: Mapping[int, float]) -> str:
    """Return which number of threads is used and why. seconds: that the same work takes, by number."""
    other = min((count for count in seconds if count != chosen), key=lambda count: seconds[count])
    ratio = seconds[other] / seconds[chosen]
    how = f"{ratio:.1f} times as fast as {other}" if ratio >= 1 else f"{other} are only {1 / ratio:.2f} times as fast"
    return f"{chosen} of {max(seconds)} threads: {how}"


def list_rows(prediction: Prediction) -> list[list[str]]:
    """Return a row per stage and one for the whole: stage, FLOPs, bytes, calls, peak memory, seconds."""
    rows = []
    flops = moved = calls = 0.0
    for stage in prediction.stages:
        counts = stage.counts
        flops, moved, calls = flops + counts.flops, moved + counts.bytes, calls + counts.calls
        name = stage.group if stage.name in stage.group else f"{stage.group}: {stage.name}"
        numbers = (show_count(counts.flops), show_count(counts.bytes), show_count(counts.calls))
        held = f"{show_count(stage.memory)}B" if stage.work else "-"
        rows.append([name, *numbers, held, show_seconds(stage.seconds or 0.0)])
    largest = max((stage.memory for stage in prediction.stages), default=0.0)
    whole = (show_count(flops), show_count(moved), show_count(calls), f"{show_count(largest)}B")
    return [*rows, ["in all", *whole, show_seconds(prediction.seconds)]]


def compare(prediction: Prediction, measured: Mapping[str, float]) -> list[tuple[str, float, float | None]]:
    """Return (group, predicted, measured) and, last, the sums over the groups that were measured."""
    predicted = prediction.by_group()
    rows = [(group, seconds, measured.get(group)) for group, seconds in predicted.items()]
    known = [(seconds, found) for _, seconds, found in rows if found is not None]
    return [*rows, ("in all", sum(seconds for seconds, _ in known), sum(found for _, found in known))]


def show_seconds(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def show_bytes(count: float) -> str:
    """Return a number of bytes in GB, or in MB where it is less than a tenth of one."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


def show_count(count: float) -> str:
    """Return a count with its power of a thousand, as in 1.5 G."""
    for power in ("", " k", " M", " G", " T", " P"):
        if count < 1000:
            return f"{count:.3g}{power}"
        count /= 1000
    return f"{count:.3g} E"
