"""Shards that may be written side by side: those that a generation is certain to ask for, whatever is in them."""

from collections.abc import Sequence

from dawgen.generator.generate import (
    Generation,
    Judge,
    Order,
    Store,
    find_quota,
    judge_shard,
    order_shards,
    write_shard,
)
from dawgen.generator.generator import Generator
from dawgen.records import Candidate


def find_certain(
    generator: Generator, per_label: int, *, first_texts: Sequence[str] | None, curator: Judge, store: Store
) -> list[Order]:
    """Return the shards that `generator.stream` will ask for with these arguments and that the store does not have.

    They are the ones that come before any label can be full or out of attempts: a shard adds at most one candidate to
    a label for each of its first texts. What the store has is judged first, so that after these are written the same
    question has another answer. The curator remembers what it keeps: it serves once.
    """
    texts, writer = generator._find_first_texts(first_texts), generator._make_writer(scored=True)
    result, certain, room = Generation(), list[Order](), 0
    for order in order_shards(writer, per_label, texts, result):
        candidates = store.read(order.shard)
        if candidates is not None and not certain:
            for _ in judge_shard(writer, order, candidates, curator, per_label, result):
                pass
            continue
        if not certain:
            room = min(find_quota(writer, label, per_label, result) for label in order.labels)
        if room <= 0:
            break
        room -= writer.decode.shard_texts if order.texts is None else len(order.texts)
        certain.append(order)
    return [order for order in certain if store.read(order.shard) is None]


def write_ahead(generator: Generator, order: Order) -> list[Candidate]:
    """Return a shard's candidates, scored under all labels: what `generator.stream` would write with a curator."""
    return write_shard(generator._make_writer(scored=True), order)
