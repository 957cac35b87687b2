"""Tables of sizes: more real examples, and more synthetic ones per real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dawgen.report.grid.files import Grid, GridRow
from dawgen.report.grid.view import find_most
from dawgen.report.table.core import Table, make_table
from dawgen.report.table.text import count_synthetic, write_mean, write_slug

Read = Callable[[GridRow], float | None]


def list_sizes(grid: Grid, target: str) -> list[Table]:
    """Return accuracy by shots (at the main multiple) and by multiple (at the main shots), for arms with several."""
    rows = [row for row in grid.rows if row.target == target]
    shots = find_most(row.shots for row in rows)
    multiple = find_most(row.multiple for row in rows)
    many = "synthetic examples per real one" if multiple is None else count_synthetic(multiple)
    return [
        _tabulate(
            [row for row in rows if row.multiple in (None, multiple)],
            lambda row: row.shots,
            "shots",
            title=f"Real examples per label on {target}",
            key=f"shots-{write_slug(target)}",
            note=f"Columns: shots per label; arms with a set have {many}, so that the set grows with the shots.",
        ),
        _tabulate(
            [row for row in rows if row.shots == shots],
            lambda row: row.multiple,
            "x",
            title=f"Synthetic examples per real one on {target}",
            key=f"multiples-{write_slug(target)}",
            note=f"Columns: synthetic examples per real one, at {shots} shots per label.",
        ),
    ]


def _tabulate(rows: Sequence[GridRow], read: Read, unit: str, *, title: str, key: str, note: str) -> Table:
    """Return a row per task and arm that has several sizes, a column per size that any of them has."""
    groups: dict[tuple[str, str], dict[float, list[float]]] = {}
    for row in sorted(rows, key=lambda row: (row.arm.place, row.seed)):
        size = read(row)
        if size and not row.arm.fixed:
            groups.setdefault((row.task, row.arm.name), {}).setdefault(size, []).append(row.accuracy)
    groups = {name: sizes for name, sizes in groups.items() if len(sizes) > 1}
    columns = sorted({size for sizes in groups.values() for size in sizes})
    order = list(dict.fromkeys(row.task for row in rows))
    most = max((len(values) for sizes in groups.values() for values in sizes.values()), default=0)
    lines = [
        [*name, *(write_mean(sizes.get(size, []), most=most) for size in columns)]
        for name, sizes in sorted(groups.items(), key=lambda item: order.index(item[0][0]))
    ]
    header = ["task", "method", *(f"{size} {unit}" if unit == "shots" else f"{size}{unit}" for size in columns)]
    notes = [
        note,
        "Accuracy in percent: mean ± standard deviation over seeds [95 % t-interval of the mean]; "
        f"{most} seeds, fewer in brackets.",
    ]
    return make_table(title, header, lines, notes=notes, key=key, names=2)
