"""A study's findings as sentences: how far synthetic data help, whether surgery matters, which order is best."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from dawgen.bench.gains import Field
from dawgen.evaluate.breakpoints.order import Orders
from dawgen.evaluate.breakpoints.study import Found, Study, write_size
from dawgen.report.grid.arms import Arm
from dawgen.report.table.text import count_synthetic, write_interval, write_points, write_share
from dawgen.stats import show_p

MAIN = Arm("dawgen", "paired", "project")
FEW = 6  # fewer gains than this are not counted


def list_sentences(study: Study) -> dict[str, list[str]]:
    """Return the findings of each task and target, by its name."""
    found = {}
    for one in study.fields:
        arm = MAIN if MAIN in one.arms else one.arms[-1]
        orders = [each for each in study.orders if (each.task, each.target) == (one.task, one.target)]
        found[f"{one.task} on {one.target}"] = [
            *_tell_synthetic(study, one, arm),
            *_tell_surgery(study, one, arm),
            *_tell_rows(study, one, arm),
            *map(_tell_order, orders),
        ]
    return found


def list_cautions(study: Study) -> list[str]:
    """Return the limits of the findings, which a reader must know first."""
    seeds = sorted({row.seed for row in study.grid.rows})
    cautions = []
    if len(seeds) < 2:
        cautions.append("One seed: no interval can be given, and nothing is shown.")
    elif len(seeds) < 5:
        cautions.append(
            f"{len(seeds)} seeds: 95 % intervals over seeds are wide, and gains of several points stay hidden in them."
        )
    if study.grid.failed:
        cells = "1 cell" if len(study.grid.failed) == 1 else f"{len(study.grid.failed)} cells"
        cautions.append(f"{cells} failed; all numbers are without them.")
    return cautions


def _tell_synthetic(study: Study, one: Field, arm: Arm) -> list[str]:
    ends = study.pick("synthetic", one)
    lines = [
        f"All {whole.series.held} ways of using synthetic data together change {_tell_gains(study, whole)}"
        for whole in study.pick("overall", one)
    ]
    mine = [found for found in ends if found.series.arm == arm]
    if mine:
        main = max(mine, key=lambda found: (len(found.series.points), found.series.held))
        lines.append(f"{count_synthetic(main.series.held)} ({arm.name}) change {_tell_gains(study, main)}")
    every = [point for found in ends for point in found.series.points]
    if len(every) >= FEW:
        up, down = (sum(point.find_way(study.least) == way for point in every) for way in (1, -1))
        tested = sum(point.interval is not None for point in every)
        lines.append(
            f"Of single ways and shots {up} of {tested} gains lie above seed noise and {down} losses below it; chance "
            f"alone would show about {0.025 * tested:.1f} of each. The mean gain is positive in "
            f"{sum(point.mean > 0 for point in every)} of {len(every)}."
        )
    return lines


def _tell_gains(study: Study, found: Found) -> str:
    gains = ", ".join(f"{write_points(point.mean)} at {point.size}" for point in found.series.points)
    shown, crossing = _tell_shown(found, study.least), _tell_crossing(found)
    return f"accuracy by {gains} shots per label (points). {shown}{crossing}"


def _tell_surgery(study: Study, one: Field, arm: Arm) -> list[str]:
    points = [point for found in study.pick("surgery", one) if found.series.arm == arm for point in found.series.points]
    if not points:
        return []
    without = Arm(arm.method, arm.schedule, "none")
    gaps = [gap for point in points for gap in point.gaps.values()]
    sizes = [point.mean for point in points]
    details = [f"{write_points(min(sizes))} to {write_points(max(sizes))} at single sizes"] if len(points) > 1 else []
    # The two are schedules of one generator, so that a test over all sizes stands among those of the orders.
    details += [
        f"Wilcoxon over {duel.pairs} shots x seeds p {show_p(duel.p)}"
        for orders in study.orders
        if (orders.task, orders.target, orders.method) == (one.task, one.target, arm.method)
        and (duel := orders.find_duel(arm, without)) is not None
    ]
    joined = "; ".join(details)
    up, down = (sum(point.find_way(study.least) == way for point in points) for way in (1, -1))
    shown = "No size shows an effect beyond seed noise."
    if up + down:
        shown = (
            f"Beyond seed noise it helps at {up} of {len(points)} sizes and harms at {down}; chance alone would show "
            f"about {0.025 * len(points):.1f} of each."
        )
    return [
        f"Surgery ({arm.name} against {without.name}) changes accuracy by {write_points(fmean(gaps))} points"
        f"{f' on average ({joined})' if details else ''}. {shown}"
    ]


def _tell_rows(study: Study, one: Field, arm: Arm) -> list[str]:
    ends = [found for found in study.pick("multiple", one) if found.series.arm == arm and len(found.series.points) > 1]
    parts = []
    for found in ends:
        steps = ", ".join(f"{write_points(point.mean)} to {point.size}" for point in found.series.points)
        last = f"last shown step: to {found.end.shown}" if found.end.shown else "no step shown"
        parts.append(f"{found.series.held} shots: {steps} ({last})")
    if not parts:
        return []
    return [
        f"More synthetic rows ({arm.name}; points gained by each step of the multiple, from none): {'; '.join(parts)}."
    ]


def _tell_order(orders: Orders) -> str:
    best = orders.orders[0]
    duels = [duel for duel in orders.duels if duel.better == best.arm]  # in the order of the others
    equal = [duel.worse.name for duel in duels if not duel.significant]
    worse = [duel.worse.name for duel in duels if duel.significant]
    text = (
        f"The best order of {orders.method}'s data is {best.arm.name} (mean accuracy {write_share(best.mean)} % over "
        f"{duels[0].pairs} shots x seeds, {write_points(duels[0].gap)} points over the next)."
    )
    if worse:
        text += f" It beats {_join(worse)} (Holm-adjusted p < 0.05)."
    if equal:
        text += f" It cannot be told apart from {_join(equal)}."
    return text


def _tell_shown(found: Found, least: float) -> str:
    """Return where gains and losses lie beyond seed noise."""
    points, end = found.series.points, found.end
    above = f"above {100 * least:g} point{'s' * (least != 0.01)} " if least else ""
    if all(point.interval is None for point in points):
        return "With one seed no gain can be shown."
    gains, losses = (
        ", ".join(
            f"{point.size}{write_interval(point.interval, signed=True)}"
            for point in points
            if point.find_way(least) == way
        )
        for way in (1, -1)
    )
    text = f"No gain {above}is beyond seed noise there."
    if gains:
        rest = "." if end.stop is None else f"; from {end.stop} on none is shown."
        text = f"A gain {above}is beyond seed noise at {gains}{rest}"
    return f"{text} A loss is at {losses}." if losses else text


def _tell_crossing(found: Found) -> str:
    sizes = [point.size for point in found.series.points]
    if len(sizes) < 2:
        return ""
    end = found.end
    interval = ""
    if end.interval is not None:
        low, high = (write_size(size, sizes) for size in end.interval)
        interval = f" [95 % of draws: {low}]" if low == high else f" [95 % of draws: {low} to {high}]"
    if end.crossing == float("inf"):
        return f" The mean gain does not end within the measured shots{interval}."
    return f" The mean gain ends at {write_size(end.crossing, sizes)} shots per label{interval}."


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
