"""Tables of what a grid was tried with: sets beside each other, and values of settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dawgen.report.grid.arms import Arm
from dawgen.report.grid.files import Grid, GridRow
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import write_mean, write_share, write_slug
from dawgen.stats import compare

Size = tuple[str, int | None, float | None]  # task, shots, multiple
NOTE = (
    "Accuracy in percent: mean ± standard deviation over seeds [95 % t-interval of the mean]. Differences, paired by "
    "seed: mean ± standard deviation (seeds won, p of Wilcoxon's signed-rank test; of many, some are low by chance)."
)


@dataclass(frozen=True, slots=True)
class Way:
    """An arm on one set: a column of a table of values, or with several sets a row of theirs."""

    arm: Arm
    data: str

    @property
    def name(self) -> str:
        """The arm's name, with the set where it is not what curation kept."""
        return f"{self.arm.name} ({self.data})" if self.data else self.arm.name


def list_variants(grid: Grid) -> list[Table]:
    """Return for each target the sets beside each other, and a table for each setting, or settings tried together."""
    tables = []
    for target in dict.fromkeys(row.target for row in grid.variants):
        rows = [row for row in (*grid.rows, *grid.variants) if row.target == target]
        tables.append(_compare_sets([row for row in rows if not row.sweep], target))
        swept = [row for row in rows if row.sweep]
        tables += [_tabulate_values(grid, swept, target, names) for names in _list_settings(swept)]
    return [table for table in tables if table.rows]


def _compare_sets(rows: Sequence[GridRow], target: str) -> Table:
    names = list(dict.fromkeys(row.data for row in rows if row.data))
    found: dict[tuple[Size, Arm], dict[str, dict[int, GridRow]]] = {}
    for row in rows:
        place = found.setdefault((_find_size(row), row.arm), {})
        place.setdefault(row.data, {})[row.seed] = row
    lines = []
    for (size, arm), sets in found.items():
        if not any(sets.get(name) for name in names):
            continue
        base = sets.get("", {})
        line = [*_write_size(size), arm.name]
        for name in ("", *names):
            line += [write_mean(_read(sets.get(name, {}))), _average_labels(sets.get(name, {}).values())]
        line += [_subtract(sets.get(name, {}), base) for name in names]
        lines.append(line)
    header = ["task", "shots", "multiple", "method"]
    for name in ("curated", *names):
        header += [name, f"labels right, {name}"]
    header += [f"{name} minus curated" for name in names]
    return make_table(
        f"Sets beside each other on {target}",
        header,
        lines,
        notes=[NOTE, "Labels right: the share that an oracle confirms, in percent, of the rows that were used."],
        key=f"variants-sets-{write_slug(target)}",
        names=4,
    )


def _list_settings(rows: Iterable[GridRow]) -> list[tuple[str, ...]]:
    """Return the settings that were tried, each alone or with those that it was tried together with."""
    found = dict.fromkeys(tuple(row.sweep) for row in rows)
    # An arm that depends on some of them only stands in the table of them all.
    return [names for names in found if not any(set(names) < set(other) for other in found)]


def _tabulate_values(grid: Grid, rows: Sequence[GridRow], target: str, names: tuple[str, ...]) -> Table:
    mine = [row for row in rows if set(row.sweep) <= set(names)]
    ways = list(dict.fromkeys(Way(row.arm, row.data) for row in sorted(mine, key=lambda row: row.arm.place)))
    whole = [row for row in mine if tuple(row.sweep) == names]
    places = dict.fromkeys((_find_size(row), tuple(row.sweep[name] for name in names)) for row in whole)
    alone = len(names) == 1 and grid.swept.get(names[0]) is not None
    lines = []
    for size, values in places:
        shown = dict(zip(names, values, strict=True))
        line = [*_write_size(size), *(_write_value(grid, name, value) for name, value in shown.items())]
        for way in ways:
            own = _pick(mine, way, size, shown)
            line.append(write_mean(_read(own)))
            if alone:
                default = {names[0]: grid.swept[names[0]]}
                line.append("" if shown == default else _subtract(own, _pick(mine, way, size, default)))
        lines.append(line)
    header = ["task", "shots", "multiple", *names]
    for way in ways:
        header += [way.name, *([f"{way.name} minus default"] if alone else [])]
    return make_table(
        f"{' and '.join(names)} on {target}",
        header,
        lines,
        notes=[NOTE],
        key=f"variants-{write_slug(' '.join(names))}-{write_slug(target)}",
        names=3 + len(names),
    )


def _pick(rows: Iterable[GridRow], way: Way, size: Size, values: Mapping[str, object]) -> dict[int, GridRow]:
    """Return a way's rows by seed at a size and values; one that has no size fits any, and so with a setting."""
    task, shots, multiple = size
    return {
        row.seed: row
        for row in rows
        if Way(row.arm, row.data) == way
        and (row.task, row.shots) == (task, shots)
        and row.multiple in (None, multiple)
        and all(values[name] == value for name, value in row.sweep.items())
    }


def _find_size(row: GridRow) -> Size:
    return row.task, row.shots, row.multiple


def _write_size(size: Size) -> Iterator[str]:
    for part in size:
        yield "-" if part is None else str(part)


def _write_value(grid: Grid, name: str, value: object) -> str:
    return f"{value} (default)" if value is not None and grid.swept.get(name) == value else str(value)


def _read(rows: Mapping[int, GridRow]) -> list[float]:
    return [row.accuracy for _, row in sorted(rows.items())]


def _average_labels(rows: Iterable[GridRow]) -> str:
    known = [row.fidelity for row in rows if row.fidelity is not None]
    return write_share(sum(known) / len(known) if known else None)


def _subtract(rows: Mapping[int, GridRow], base: Mapping[int, GridRow]) -> str:
    pairs = {seed: row.accuracy for seed, row in rows.items()}, {seed: row.accuracy for seed, row in base.items()}
    return compare(*pairs).text if set(pairs[0]) & set(pairs[1]) else "-"
