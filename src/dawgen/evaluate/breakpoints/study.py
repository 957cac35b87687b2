"""The findings of `dawgen analyze breakpoints` in a grid: gains with their ends, and the order of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dawgen.bench.gains import Field, Point, Question, Series, list_fields, list_series
from dawgen.errors import DataError
from dawgen.evaluate.breakpoints.find import Break, find_break
from dawgen.evaluate.breakpoints.order import Orders, rank_orders
from dawgen.report.grid.arms import Arm
from dawgen.report.grid.files import Grid
from dawgen.rng import numpy_rng
from dawgen.stats import bootstrap_items

COLUMNS = (
    "question",
    "task",
    "target",
    "method",
    "schedule",
    "surgery",
    "shots",
    "multiple",
    "seeds",
    "gain",
    "low",
    "high",
    "item_low",
    "item_high",
)


NAMES_HELD: dict[Question, str] = {"multiple": "shots", "overall": "ways"}  # what `held` is, if not a multiple


@dataclass(frozen=True, slots=True)
class Found:
    """One gain along a size, and where it ends."""

    series: Series
    end: Break


@dataclass(frozen=True, slots=True)
class Study:
    """The findings in a grid. least: the smallest gain that counts, a share. fields: the rows by task and target."""

    grid: Grid
    least: float
    fields: tuple[Field, ...]
    found: tuple[Found, ...]
    orders: tuple[Orders, ...]

    def pick(self, question: Question, field: Field) -> list[Found]:
        """Return the gains of a question on one task and target, in the order of arms and held sizes."""
        place = (question, field.task, field.target)
        return [one for one in self.found if (one.series.question, one.series.task, one.series.target) == place]

    def get_point(self, field: Field, arm: Arm, shots: int, multiple: int) -> Point | None:
        """Return the gain of synthetic data at one size."""
        for one in self.pick("synthetic", field):
            if (one.series.arm, one.series.held) == (arm, multiple):
                return next((point for point in one.series.points if point.size == shots), None)
        return None


def study_grid(grid: Grid, *, least: float = 0.0) -> Study:
    """Return the findings in the rows of a grid; the same rows give the same numbers.

    least: the smallest gain that counts, a share of accuracy.

    Raises:
        DataError: no arm with a synthetic set beside the baseline.
    """
    fields = list_fields(grid)
    series = [one for field in fields for one in list_series(field)]
    if not any(one.question == "synthetic" for one in series):
        raise DataError(
            f"{grid.name}: expected arms with synthetic sets and {grid.baseline} at the same shots and seeds, "
            f"found none among {len(grid.rows)} rows."
        )
    found = tuple(Found(one, find_break(one.points, numpy_rng(0, _name(one)), least=least)) for one in series)
    orders = tuple(each for field in fields for each in rank_orders(field))
    return Study(grid, least, tuple(fields), found, orders)


def list_points(study: Study) -> list[dict[str, Any]]:
    """Return each measured gain as a row with the columns of breakpoints.csv; shares, None for what is not known."""
    rows = []
    for one in study.found:
        series = one.series
        for point in series.points:
            shots, multiple = point.size, None if series.question == "overall" else series.held
            if series.question == "multiple":
                shots, multiple = series.held, point.size
            items = find_items(series, point)
            rows.append(
                {
                    "question": series.question,
                    "task": series.task,
                    "target": series.target,
                    "method": series.arm.method,
                    "schedule": series.arm.schedule,
                    "surgery": series.arm.surgery,
                    "shots": shots,
                    "multiple": multiple,
                    "seeds": len(point.gaps),
                    "gain": round(point.mean, 6),
                    **_split(point.interval, "low", "high"),
                    **_split(items, "item_low", "item_high"),
                }
            )
    return rows


def find_items(series: Series, point: Point) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean gain over test rows, None if the answers are not known."""
    if point.answers is None:
        return None
    rng = numpy_rng(0, f"{_name(series)}/items", point.size)
    return bootstrap_items(np.asarray(point.answers.mean(0)), rng)


def describe_study(study: Study) -> dict[str, Any]:
    """Return the numbers for breakpoints.json; a crossing beyond the measured sizes is a text."""
    return {
        "name": study.grid.name,
        "baseline": study.grid.baseline,
        "least": study.least,
        "seeds": sorted({row.seed for row in study.grid.rows}),
        "failed": len(study.grid.failed),
        "breaks": [_describe_end(one) for one in study.found],
        "orders": [_describe_orders(one) for one in study.orders],
        "points": list_points(study),
    }


def write_size(size: float, sizes: Sequence[int]) -> str:
    """Return a crossing in words: "23", "beyond 256", or "below 4"."""
    if np.isinf(size):
        return f"beyond {sizes[-1]}"
    return f"below {sizes[0]}" if size < sizes[0] else f"{size:.0f}" if size >= 10 else f"{size:.1f}"


def _describe_end(one: Found) -> dict[str, Any]:
    series, end = one.series, one.end
    sizes = [point.size for point in series.points]
    interval = end.interval
    return {
        "question": series.question,
        "task": series.task,
        "target": series.target,
        "arm": series.arm.name,
        NAMES_HELD.get(series.question, "multiple"): series.held,
        "sizes": sizes,
        "shown_up_to": end.shown,
        "not_shown_from": end.stop,
        "crossing": write_size(end.crossing, sizes),
        "crossing_low": None if interval is None else write_size(interval[0], sizes),
        "crossing_high": None if interval is None else write_size(interval[1], sizes),
        "crossed_share": end.reached,
    }


def _describe_orders(one: Orders) -> dict[str, Any]:
    def show(arm: Arm) -> str:
        return arm.name

    return {
        "task": one.task,
        "target": one.target,
        "generator": one.method,
        "schedules": [{"arm": show(order.arm), "accuracy": order.mean} for order in one.orders],
        "duels": [
            {
                "better": show(duel.better),
                "worse": show(duel.worse),
                "gap": duel.gap,
                "pairs": duel.pairs,
                "wins": duel.wins,
                **{name: None if np.isnan(p) else p for name, p in (("p", duel.p), ("adjusted_p", duel.adjusted))},
            }
            for duel in one.duels
        ],
    }


def _split(interval: tuple[float, float] | None, low: str, high: str) -> Mapping[str, float | None]:
    return {low: None, high: None} if interval is None else {low: round(interval[0], 6), high: round(interval[1], 6)}


def _name(series: Series) -> str:
    parts = (series.question, series.task, series.target, series.arm.name, str(series.held))
    return "breakpoints/" + "/".join(parts)
