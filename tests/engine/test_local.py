"""The local engine: processes that stay, and one that is killed stops nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dawgen.engine.local import LocalEngine
from dawgen.engine.schedule import run_all
from dawgen.engine.storage import Store
from support.grids import Toy


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(1)
    yield engine
    engine.close()


def test_a_killed_worker_does_not_stop_the_grid(tmp_path: Path, engine: LocalEngine) -> None:
    cells = [Toy("dies_once", kills=1), Toy("always", kills=5), Toy("a"), Toy("b")]
    found = run_all(cells, Store(tmp_path), engine)
    assert found["dies_once"]["accuracy"] == 0.5
    assert "died 2 times" in found["always"]["error"]
    assert not Store(tmp_path).exists("killed/always-2")
    assert found["a"]["process"] == found["b"]["process"]  # which keeps its models


def test_a_failing_cell_leaves_the_process_at_work(tmp_path: Path, engine: LocalEngine) -> None:
    found = run_all([Toy("bad", fails=True), Toy("good")], Store(tmp_path), engine)
    assert found["bad"] == {"error": "no rows in bad"}
    assert found["good"]["accuracy"] == 0.5
