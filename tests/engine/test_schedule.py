"""The scheduler: needs first, the longest way first, and a failure takes with it only what needs it."""

from pathlib import Path
from typing import Any

from dawgen.engine.schedule import rank_work, run_all
from dawgen.engine.storage import Store
from dawgen.engine.work import run_work
from support.grids import Toy


class Queue:
    """An engine that runs cells here, in the order in which they were started, and writes down what it was told."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.started: list[str] = []
        self.most = 0
        self._running: list[tuple[Toy, Store]] = []

    def start(self, cell: Toy, store: Store) -> None:
        """Put the cell in the queue."""
        self.started.append(cell.key)
        self._running.append((cell, store))
        self.most = max(self.most, len(self._running))

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Run the first cell of the queue."""
        cell, store = self._running.pop(0)
        return cell.key, run_work(cell, store)

    def close(self) -> None:
        """Nothing to give back."""


def test_needs_come_first_and_the_longest_way_before_shorter_ones(tmp_path: Path) -> None:
    cells = [Toy("short"), Toy("set"), Toy("long"), Toy("user", needs=("set",))]
    engine, seconds = Queue(1), {"short": 1.0, "set": 2.0, "long": 5.0, "user": 4.0}
    found = run_all(cells, Store(tmp_path), engine, seconds=seconds)
    assert engine.started == ["set", "long", "user", "short"]
    assert all(numbers["accuracy"] == 0.5 for numbers in found.values())


def test_no_more_run_at_a_time_than_there_are_slots(tmp_path: Path) -> None:
    engine = Queue(3)
    run_all([Toy(str(n)) for n in range(8)], Store(tmp_path), engine)
    assert engine.most == 3
    assert len(engine.started) == 8


def test_cells_with_files_are_read_and_not_run(tmp_path: Path) -> None:
    store, engine = Store(tmp_path), Queue(1)
    store.write_json("prompts/old.json", {"accuracy": 0.9})
    found = run_all([Toy("old"), Toy("new", needs=("old",))], store, engine)
    assert engine.started == ["new"]
    assert found["old"] == {"accuracy": 0.9}


def test_a_need_that_nobody_asks_for_is_not_waited_for(tmp_path: Path) -> None:
    assert "error" not in run_all([Toy("a", needs=("elsewhere",))], Store(tmp_path), Queue(1))["a"]


def test_a_failure_takes_with_it_what_needs_it_and_nothing_else(tmp_path: Path) -> None:
    cells = [
        Toy("bad", fails=True),
        Toy("user", needs=("bad",)),
        Toy("its_user", needs=("user",)),
        Toy("other"),
    ]
    told: list[str] = []
    engine = Queue(2)
    found = run_all(cells, Store(tmp_path), engine, ended=lambda cell, numbers: told.append(cell.key))
    assert found["bad"] == {"error": "no rows in bad"}
    assert "bad failed: no rows in bad" in found["user"]["error"]
    assert "user failed" in found["its_user"]["error"]
    assert found["other"]["accuracy"] == 0.5
    assert sorted(told) == ["bad", "its_user", "other", "user"]
    assert set(engine.started) == {"bad", "other"}


def test_a_rank_is_the_longest_way_from_a_cell() -> None:
    cells = {cell.key: cell for cell in (Toy("a"), Toy("b", needs=("a",)), Toy("c", needs=("a", "b")))}
    assert rank_work(cells, {"a": 1, "b": 2, "c": 4}) == {"a": 7, "b": 6, "c": 4}
