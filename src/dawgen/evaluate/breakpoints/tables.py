"""The tables of a study: the map of gains, where gains end, steps of the multiple, and the order of data."""

from __future__ import annotations

from collections.abc import Sequence

from dawgen.bench.gains import Field, Point
from dawgen.evaluate.breakpoints.order import Orders
from dawgen.evaluate.breakpoints.study import Found, Study, write_size
from dawgen.report.table.core import Cell, Table, make_table
from dawgen.report.table.text import write_interval, write_mean, write_points, write_share, write_slug
from dawgen.stats import show_p

GAIN = (
    "Points of accuracy: mean over seeds [95 % t-interval over seeds]; bold where the interval does not hold 0, "
    "unadjusted: of 100 such cells without any effect 5 would be bold."
)
ENDS = (
    "Shown up to: the largest size whose interval over seeds lies above {least}; - where none does. Not shown from: "
    "the size after it. Gain ends at: where the mean gain falls to {least} for good, on a line over log2(size) "
    "between two measured sizes [2.5th to 97.5th percentile of {draws}]; of few seeds this interval is too narrow."
)


def make_tables(study: Study, one: Field) -> list[Table]:
    """Return all tables of a task and target that have rows."""
    tables = [
        list_base(one),
        list_map(study, one),
        list_ends(study, one),
        list_surgery(study, one),
        list_steps(study, one),
    ]
    for orders in study.orders:
        if (orders.task, orders.target) == (one.task, one.target):
            tables += [list_orders(orders), list_duels(orders)]
    return [table for table in tables if table.rows]


def list_base(one: Field) -> Table:
    """Return the baseline's accuracy at each of the shots, from which all gains are measured."""
    cells = [write_mean([row.accuracy for row in one.get_base(shots).values()]) for shots in one.shots]
    rows = [[one.baseline.name, *cells]] if any(cell != "-" for cell in cells) else []
    return make_table(
        f"Accuracy without synthetic data: {_where(one)}",
        ["method", *(f"{shots} shots" for shots in one.shots)],
        rows,
        notes=["In percent: mean ± standard deviation over seeds [95 % t-interval of the mean]."],
        key=_key("base", one),
    )


def list_map(study: Study, one: Field) -> Table:
    """Return the gain of every arm at every multiple over the baseline, a column for each of the shots."""
    rows: list[list[Cell | str]] = []
    for found in study.pick("synthetic", one):
        series = found.series
        by_size = {point.size: point for point in series.points}
        rows.append([series.arm.name, str(series.held), *(_write_gain(by_size.get(n), study.least) for n in one.shots)])
    return make_table(
        f"Gain over {one.baseline.name}: {_where(one)}",
        ["method", "multiple", *(f"{shots} shots" for shots in one.shots)],
        rows,
        notes=[GAIN],
        key=_key("map", one),
        names=2,
    )


def list_ends(study: Study, one: Field) -> Table:
    """Return for each arm and multiple, and for all together, the shots at which the gain ends."""
    ends = [*study.pick("synthetic", one), *study.pick("overall", one)]
    rows = [
        [
            found.series.arm.name,
            "all" if found.series.question == "overall" else str(found.series.held),
            *_write_end(found),
        ]
        for found in ends
        if len(found.series.points) > 1
    ]
    known = all(point.answers is not None for found in ends for point in found.series.points)
    draws = "redrawn seeds and test rows" if known else "redrawn seeds"
    least = f"{100 * study.least:g} points" if study.least else "0"
    return make_table(
        f"Where synthetic data stop helping: {_where(one)}",
        ["method", "multiple", "shown up to", "not shown from", "gain ends at", "ends in measured range"],
        rows,
        notes=[
            f"Shots per label at which the gain over {one.baseline.name} ends. {ENDS.format(least=least, draws=draws)} "
            "Ends in measured range: the share of draws in which the gain ends at or before the largest size."
        ],
        key=_key("ends", one),
        names=2,
    )


def list_surgery(study: Study, one: Field) -> Table:
    """Return the gain of surgery at every size, and the size up to which it is shown."""
    rows: list[list[Cell | str]] = []
    for found in study.pick("surgery", one):
        by_size = {point.size: point for point in found.series.points}
        last = "-" if found.end.shown is None else str(found.end.shown)
        cells = [_write_gain(by_size.get(n), study.least) for n in one.shots]
        rows.append([found.series.arm.name, str(found.series.held), *cells, last])
    return make_table(
        f"What surgery adds: {_where(one)}",
        ["method", "multiple", *(f"{shots} shots" for shots in one.shots), "shown up to"],
        rows,
        notes=[f"Against the same arm without surgery. {GAIN}"],
        key=_key("surgery", one),
        names=2,
    )


def list_steps(study: Study, one: Field) -> Table:
    """Return the gain of each step of the multiple at each of the shots."""
    multiples = one.multiples
    before = dict(zip(multiples, [0, *multiples], strict=False))
    rows: list[list[Cell | str]] = []
    for found in study.pick("multiple", one):
        by_size = {point.size: point for point in found.series.points}
        cells = [_write_gain(by_size.get(multiple), study.least) for multiple in multiples]
        last = "-" if found.end.shown is None else str(found.end.shown)
        rows.append([found.series.arm.name, str(found.series.held), *cells, last])
    return make_table(
        f"What more synthetic rows add: {_where(one)}",
        ["method", "shots", *(f"{before[multiple]} to {multiple}" for multiple in multiples), "last shown step"],
        rows,
        notes=[
            f"Columns: from one number of synthetic examples per real one to the next; 0 is {one.baseline.name}. {GAIN}"
        ],
        key=_key("steps", one),
        names=2,
    )


def list_orders(orders: Orders) -> Table:
    """Return each schedule's accuracy, the best first, with its distance to the best."""
    best = orders.orders[0]
    shots = list(best.by_shots)
    rows: list[list[Cell | str]] = []
    for order in orders.orders:
        duel = orders.find_duel(best.arm, order.arm)
        behind = Cell("-") if duel is None else Cell(write_points(-duel.gap), bold=duel.significant)
        rows.append(
            [
                order.arm.name,
                *(write_share(order.by_shots[n]) for n in shots),
                write_share(order.mean),
                behind,
                "-" if duel is None else show_p(duel.adjusted),
            ]
        )
    return make_table(
        f"Order of {orders.method}'s data: {orders.task} on {orders.target}",
        ["method", *(f"{n} shots" for n in shots), "mean", "to the best", "adjusted p"],
        rows,
        notes=[
            "Accuracy in percent: mean over seeds and multiples. To the best: points; bold where Holm's adjusted p "
            "over all pairs of these schedules is below 0.05 (Wilcoxon's signed-rank test over shots x seeds, of each "
            "the mean over multiples). Seeds share their test rows."
        ],
        key=f"orders-{orders.method}-{write_slug(orders.task)}-{write_slug(orders.target)}".replace("_", "-"),
    )


def list_duels(orders: Orders) -> Table:
    """Return all pairs of schedules."""
    rows: list[list[Cell | str]] = [
        [
            duel.better.name,
            duel.worse.name,
            Cell(write_points(duel.gap), bold=duel.significant),
            f"{duel.wins}/{duel.pairs}",
            show_p(duel.p),
            show_p(duel.adjusted),
        ]
        for duel in orders.duels
    ]
    return make_table(
        f"Pairs of orders: {orders.task} on {orders.target}, {orders.method}'s data",
        ["method", "against", "difference", "won", "p", "adjusted p"],
        rows,
        notes=["Points of accuracy over shots x seeds; tests as in the table of orders."],
        key=f"duels-{orders.method}-{write_slug(orders.task)}-{write_slug(orders.target)}".replace("_", "-"),
        names=2,
    )


def _write_gain(point: Point | None, least: float) -> Cell:
    if point is None:
        return Cell("-")
    return Cell(
        f"{write_points(point.mean)}{write_interval(point.interval, signed=True)}", bold=point.find_way(least) != 0
    )


def _write_end(found: Found) -> Sequence[Cell | str]:
    end, sizes = found.end, [point.size for point in found.series.points]
    interval = ""
    if end.interval is not None:
        low, high = (write_size(size, sizes) for size in end.interval)
        interval = f" [{low}]" if low == high else f" [{low} to {high}]"
    return [
        "-" if end.shown is None else str(end.shown),
        "-" if end.stop is None else str(end.stop),
        f"{write_size(end.crossing, sizes)}{interval}",
        "-" if end.reached is None else f"{100 * end.reached:.0f} %",
    ]


def _where(one: Field) -> str:
    return f"{one.task} on {one.target}"


def _key(name: str, one: Field) -> str:
    return f"{name}-{write_slug(one.task)}-{write_slug(one.target)}"
