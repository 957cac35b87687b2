"""Shards ahead: exactly those that a generation will ask for, and the same bytes in whatever order they are written."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dawgen.config import DecodeConfig
from dawgen.curation.curator import Verdict
from dawgen.data.store import ShardStore
from dawgen.errors import ShortfallError
from dawgen.generator.ahead import find_certain, write_ahead
from dawgen.generator.generate import Order
from dawgen.generator.generator import Generator
from dawgen.records import Candidate
from generators import TEXTS, tuned

DECODE = DecodeConfig(max_new_tokens=6, shard_texts=4)


class Picky:
    """Keeps every `nth` candidate of each label, of "no" twice as many: labels fill up at different times."""

    def __init__(self, nth: int) -> None:
        self.nth = nth
        self.seen: dict[str | None, int] = {}

    def judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        verdicts = []
        for candidate in candidates:
            label = candidate.example.label
            self.seen[label] = self.seen.get(label, 0) + 1
            nth = max(1, self.nth // 2) if label == "no" else self.nth
            kept = self.seen[label] % nth == 0
            verdicts.append(Verdict(kept, None if kept else "echo"))
        return verdicts


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def finish(generator: Generator, folder: Path, per_label: int, nth: int, texts: list[str] | None) -> dict[str, bytes]:
    """Generate what the folder lacks; a shortfall ends it too."""
    try:
        generator.generate(per_label, first_texts=texts, store=ShardStore(folder, {}), curator=Picky(nth))
    except ShortfallError:
        (folder / "shortfall").touch()
    return read_files(folder)


def write_rounds(generator: Generator, folder: Path, per_label: int, nth: int, texts: list[str] | None) -> list[int]:
    """Write all that is certain, last first, until nothing is; returns how many shards each round had."""
    rounds: list[int] = []
    while True:
        store = ShardStore(folder, {})
        orders = find_certain(generator, per_label, first_texts=texts, curator=Picky(nth), store=store)
        if not orders:
            return rounds
        for order in reversed(orders):
            store.write(order.shard, write_ahead(generator, order))
        rounds.append(len(orders))


@pytest.mark.parametrize(
    ("nth", "texts", "changes"),
    [
        (1, TEXTS, {}),
        (4, TEXTS, {}),
        (4, TEXTS[:5], {}),  # shards of four and of one text in turn
        (4, TEXTS, {"attempts": 3}),  # out of attempts
        (4, TEXTS, {"strategy": "greedy"}),  # out of first texts
        (2, None, {"first_texts": "written", "max_new_tokens": 12}),
    ],
)
def test_rounds_of_certain_shards_are_what_one_process_writes(
    nth: int, texts: list[str] | None, changes: dict[str, object], tmp_path: Path
) -> None:
    generator = tuned(decode=DECODE.model_copy(update=changes))
    whole = finish(generator, tmp_path / "whole", 10, nth, texts)
    rounds = write_rounds(generator, tmp_path / "ahead", 10, nth, texts)
    written = {name: data for name, data in read_files(tmp_path / "ahead").items() if name.startswith("shard")}
    assert sum(rounds) == len(written)
    assert written == {name: data for name, data in whole.items() if name.startswith("shard")}
    assert finish(generator, tmp_path / "ahead", 10, nth, texts) == whole


def test_the_first_round_is_as_long_as_no_label_can_be_full(tmp_path: Path) -> None:
    generator = tuned(decode=DECODE)
    for per_label, shards in ((3, 1), (4, 1), (5, 2), (40, 10)):
        store = ShardStore(tmp_path, {})
        orders = find_certain(generator, per_label, first_texts=TEXTS, curator=Picky(1), store=store)
        assert [order.shard for order in orders] == list(range(shards))
        assert all(order.labels == ("yes", "no", "maybe") and len(order.texts or ()) == 4 for order in orders)


def test_shards_that_are_there_are_left_out_and_judged(tmp_path: Path) -> None:
    generator, store = tuned(decode=DECODE), ShardStore(tmp_path, {})

    def ask() -> list[Order]:
        return find_certain(generator, 16, first_texts=TEXTS, curator=Picky(2), store=store)

    first = ask()
    for order in (first[2], first[0]):  # a killed round
        store.write(order.shard, write_ahead(generator, order))
    # "no" has four of 16 by now: three shards cannot fill it, of which the store has one.
    assert [order.shard for order in ask()] == [1, 3]
