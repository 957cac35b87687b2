"""The order of data by target: which schedule makes the best use of the same synthetic set.

Schedules are compared pair by pair over all shots and seeds (of each the mean over multiples, which share a set):
Wilcoxon's signed-rank test, corrected by Holm over all pairs of schedules, so that naming the best one is paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from dawgen.bench.gains import Field
from dawgen.report.grid.arms import Arm
from dawgen.stats import adjust_holm, compare

LEVEL = 0.05
Key = tuple[int, int]  # shots, seed


@dataclass(frozen=True, slots=True)
class Order:
    """One schedule of a generator. mean: accuracy over all pairs. by_shots: the same at each of the shots."""

    arm: Arm
    mean: float
    by_shots: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Duel:
    """Two schedules. better: the one with the higher mean. gap: its mean difference to the other. wins: pairs where it
    is higher, of `pairs`. p: Wilcoxon's. adjusted: by Holm over the generator's duels. Both nan where all are equal.
    """

    better: Arm
    worse: Arm
    gap: float
    wins: int
    pairs: int
    p: float
    adjusted: float

    @property
    def significant(self) -> bool:
        """Whether the difference is larger than seeds and shots explain."""
        return self.adjusted < LEVEL


@dataclass(frozen=True, slots=True)
class Orders:
    """All schedules of one generator on one task and target, the best first, and all their duels."""

    task: str
    target: str
    method: str
    orders: tuple[Order, ...]
    duels: tuple[Duel, ...]

    def find_duel(self, one: Arm, other: Arm) -> Duel | None:
        """Return the duel of two arms, None where one was not measured at all sizes of the others."""
        return next((duel for duel in self.duels if {duel.better, duel.worse} == {one, other}), None)


def rank_orders(one: Field) -> list[Orders]:
    """Return the schedules of each generator with at least two of them, measured at the same sizes and seeds."""
    found = []
    for method in dict.fromkeys(arm.method for arm in one.arms):
        values = {arm: average_multiples(one, arm) for arm in one.arms if arm.method == method}
        shared = set.intersection(*(set(cells) for cells in values.values()))
        if len(values) > 1 and shared:
            common = {arm: {key: cells[key] for key in sorted(shared)} for arm, cells in values.items()}
            found.append(_rank(one, method, common))
    return found


def average_multiples(one: Field, arm: Arm) -> dict[Key, float]:
    """Return an arm's mean accuracy over all multiples of the field by shots and seed, where it has them all."""
    found: dict[Key, float] = {}
    for shots in one.shots:
        cells = [one.get_rows(arm, shots, multiple) for multiple in one.multiples]
        seeds = set.intersection(*(set(rows) for rows in cells))
        found |= {(shots, seed): fmean(rows[seed].accuracy for rows in cells) for seed in sorted(seeds)}
    return found


def _rank(one: Field, method: str, values: Mapping[Arm, Mapping[Key, float]]) -> Orders:
    orders = [Order(arm, fmean(cells.values()), _average_shots(cells)) for arm, cells in values.items()]
    orders.sort(key=lambda order: (-order.mean, order.arm.place))
    pairs = [(a.arm, b.arm) for a, b in combinations(orders, 2)]
    found = [compare(values[a], values[b]) for a, b in pairs]
    adjusted = adjust_holm([each.p for each in found])
    duels = [
        Duel(a, b, each.mean, each.wins, each.n, each.p, p)
        for (a, b), each, p in zip(pairs, found, adjusted, strict=True)
    ]
    return Orders(one.task, one.target, method, tuple(orders), tuple(duels))


def _average_shots(cells: Mapping[Key, float]) -> dict[int, float]:
    shots: Sequence[int] = sorted({n for n, _ in cells})
    return {n: fmean(value for (size, _), value in cells.items() if size == n) for n in shots}
