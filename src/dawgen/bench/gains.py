"""The gains that a grid measured along a size: of synthetic data, of surgery, of more rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

import numpy as np

from dawgen.report.grid.arms import GENERATORS, Arm, shorten_name
from dawgen.report.grid.files import Grid, GridRow
from dawgen.stats import find_t_interval, read_answers

Question = Literal["synthetic", "overall", "surgery", "multiple"]
EVERY = Arm("all ways")
Place = tuple[int, int | None]  # shots, multiple


@dataclass(frozen=True, slots=True)
class Point:
    """The gain at one size.

    gaps: difference of accuracies by seed. answers: the same by test row, [S, N] in [-1, 1], in the order of `gaps`;
    None where the answers are not known.
    """

    size: int
    gaps: Mapping[int, float]
    answers: np.ndarray | None = None

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return fmean(self.gaps.values())

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % t-interval over seeds, None for one seed."""
        return find_t_interval(list(self.gaps.values()))

    def find_way(self, least: float = 0.0) -> int:
        """Return 1 where the interval lies above `least`, -1 where it lies below -`least`, 0 where neither is shown."""
        if self.interval is None:
            return 0
        low, high = self.interval
        return 1 if low > least else -1 if high < -least else 0


@dataclass(frozen=True, slots=True)
class Series:
    """One gain along growing sizes.

    synthetic: the arm against the baseline at the same shots, along the shots; held: the multiple.
    overall: the mean of these over all arms and multiples, which averages out their noise; held: how many there are.
    surgery: the arm against the same one without surgery, likewise.
    multiple: the arm at one multiple against the next smaller one (the baseline for the smallest), along the multiples;
    held: the shots.
    """

    question: Question
    task: str
    target: str
    arm: Arm
    held: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """All rows of one task and target. cells: by arm, shots and multiple (None: without a set), then by seed."""

    task: str
    target: str
    baseline: Arm
    cells: Mapping[Arm, Mapping[Place, Mapping[int, GridRow]]] = field(default_factory=dict)

    @property
    def arms(self) -> list[Arm]:
        """The arms with a synthetic set, in the order of tables."""
        return sorted((arm for arm in self.cells if arm.method in GENERATORS), key=lambda arm: arm.place)

    @property
    def shots(self) -> list[int]:
        """All shots, growing."""
        return sorted({shots for cells in self.cells.values() for shots, _ in cells})

    @property
    def multiples(self) -> list[int]:
        """All multiples of the arms with a set, growing; 0, the baseline, is none of them."""
        return sorted({multiple for arm in self.arms for _, multiple in self.cells[arm] if multiple})

    def get_rows(self, arm: Arm, shots: int, multiple: int | None) -> Mapping[int, GridRow]:
        """Return an arm's rows by seed at one size, none where it was not measured there."""
        return self.cells.get(arm, {}).get((shots, multiple), {})

    def get_base(self, shots: int) -> Mapping[int, GridRow]:
        """Return the baseline's rows by seed."""
        return self.get_rows(self.baseline, shots, None)


def list_fields(grid: Grid) -> list[Field]:
    """Return a field for each task and target that has an arm with a synthetic set."""
    found: dict[tuple[str, str], dict[Arm, dict[Place, dict[int, GridRow]]]] = {}
    for row in grid.rows:
        if row.shots:
            arms = found.setdefault((row.task, row.target), {})
            multiple = None if row.multiple is None else round(row.multiple)  # a name of the size: 18.75 is 19
            arms.setdefault(row.arm, {}).setdefault((row.shots, multiple), {})[row.seed] = row
    fields = []
    for (task, target), arms in found.items():
        named = [arm for arm in arms if arm.name == shorten_name(grid.baseline)]
        fields.append(Field(task, target, named[0] if named else Arm(grid.baseline), arms))
    return [one for one in fields if one.arms]


def list_series(one: Field) -> list[Series]:
    """Return every gain of a field that has a point, in the order of the questions, arms and held sizes."""
    synthetic = [series for series in _follow_synthetic(one) if series.points]
    found = [*synthetic, *_average(one, synthetic), *_follow_surgery(one), *_follow_multiples(one)]
    return [series for series in found if series.points]


def measure_gain(size: int, rows: Mapping[int, GridRow], base: Mapping[int, GridRow]) -> Point | None:
    """Return the gain of `rows` over `base` on the seeds that both have, None without one."""
    seeds = sorted(seed for seed in rows if seed in base)
    if not seeds:
        return None
    # Rounded, so that differences of a few last bits are zero.
    gaps = {seed: round(rows[seed].accuracy - base[seed].accuracy, 12) for seed in seeds}
    texts = [(rows[seed].correct, base[seed].correct) for seed in seeds]
    if not texts[0][0] or len({len(text) for pair in texts for text in pair}) > 1:
        return Point(size, gaps)
    return Point(size, gaps, np.stack([read_answers(a) - read_answers(b) for a, b in texts]))


def _follow_synthetic(one: Field) -> Iterator[Series]:
    for arm in one.arms:
        for multiple in one.multiples:
            points = [measure_gain(n, one.get_rows(arm, n, multiple), one.get_base(n)) for n in one.shots]
            yield _make("synthetic", one, arm, multiple, points)


def _average(one: Field, series: Sequence[Series]) -> Iterator[Series]:
    """Yield the mean of three gains or more at the sizes and seeds that all of them have."""
    if len(series) < 3:
        return
    points: list[Point | None] = []
    for shots in one.shots:
        here = [point for each in series for point in each.points if point.size == shots]
        seeds = sorted(set.intersection(*(set(point.gaps) for point in here))) if len(here) == len(series) else []
        if not seeds:
            continue
        gaps = {seed: fmean(point.gaps[seed] for point in here) for seed in seeds}
        answers = [point.answers for point in here if point.answers is not None and list(point.gaps) == seeds]
        same = len(answers) == len(here) and len({part.shape for part in answers}) == 1
        points.append(Point(shots, gaps, np.mean(answers, axis=0) if same else None))
    yield _make("overall", one, EVERY, len(series), points)


def _follow_surgery(one: Field) -> Iterator[Series]:
    for arm in one.arms:
        if arm.surgery in ("", "none"):
            continue
        without = Arm(arm.method, arm.schedule, "none")
        for multiple in one.multiples:
            points = [
                measure_gain(n, one.get_rows(arm, n, multiple), one.get_rows(without, n, multiple)) for n in one.shots
            ]
            yield _make("surgery", one, arm, multiple, points)


def _follow_multiples(one: Field) -> Iterator[Series]:
    for arm in one.arms:
        for shots in one.shots:
            ladder = [(n, rows) for n in one.multiples if (rows := one.get_rows(arm, shots, n))]
            below = [one.get_base(shots), *(rows for _, rows in ladder)]
            points = [measure_gain(n, rows, before) for (n, rows), before in zip(ladder, below, strict=False)]
            yield _make("multiple", one, arm, shots, points)


def _make(question: Question, one: Field, arm: Arm, held: int, points: Sequence[Point | None]) -> Series:
    return Series(question, one.task, one.target, arm, held, tuple(point for point in points if point is not None))
