"""Shards ahead of a set: what a set cell is certain to write may be written before it, side by side; same bytes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.bench.cells import Cell, cached_generator
from dawgen.bench.sets import open_curator, open_desk
from dawgen.data import ShardStore
from dawgen.generator.ahead import find_certain, write_ahead
from dawgen.generator.generate import Order
from dawgen.generator.generator import Generator

if TYPE_CHECKING:
    from dawgen.bench.storage import Store


@dataclass(frozen=True)
class Plan:
    """Shards that may be written side by side. settings: what all shards of the set are made with."""

    settings: dict[str, Any]
    orders: list[Order]


def is_divisible(cell: Cell) -> bool:
    """Return whether the cell is a set that is written in shards; an experiment's own work is not known here."""
    return cell.method is None and type(cell).run is Cell.run


def plan_shards(cell: Cell, store: Store) -> Plan:
    """Tune the cell's generator where the store has none, and return the shards that the set is certain to need next.

    The shards that are there are judged first. Raises what `make_set` raises before it writes.
    """
    with store.workspace(cell.place) as folder:
        desk = open_desk(cell, folder)
        shards, curator = ShardStore(folder / "raw", desk.settings), open_curator(cell, desk.inputs)
        orders = find_certain(desk.generator, desk.quota, first_texts=desk.texts, curator=curator, store=shards)
    return Plan(desk.settings, orders)


def write_planned(cell: Cell, store: Store, settings: dict[str, Any], order: Order) -> None:
    """Write one shard of the cell's set into the store; the generator must be there."""
    base = cached_generator(cell.config.generator.model, cell.config.generator.dtype)
    generator = Generator.load(store.fetch(f"{cell.place}/generator"), model=base)
    with tempfile.TemporaryDirectory(prefix="dawgen-") as temporary:
        shards = ShardStore(temporary, settings)
        shards.write(order.shard, write_ahead(generator, order))
        for path in Path(temporary).glob("shard-*.jsonl"):
            store.upload(path, f"{cell.place}/raw/{path.name}")
