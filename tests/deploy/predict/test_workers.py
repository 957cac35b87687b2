"""Whoever labels the shards, and however many: the same bytes, and no more shards in memory than are labelled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dawgen.deploy.predict import workers
from dawgen.deploy.predict.job import How, label_file
from dawgen.deploy.predict.parts import find_parts
from dawgen.deploy.predict.shard import Shard, Worker
from dawgen.deploy.predict.workers import HereEngine, check_engine, choose_workers, run_shards
from dawgen.engine.storage import Store
from dawgen.errors import ConfigError, DawgenError
from dawgen.progress import Reporter
from dawgen.records import Example

QUIET = Reporter(quiet=True)
WORKER = Worker(Path("nowhere"), "", "cpu", 1)


class Engine:
    """Does nothing, and ends shards last begun first."""

    slots = 3

    def __init__(self, broken: int = -1) -> None:
        self.running: list[str] = []
        self.most = 0
        self.broken = broken

    def start(self, cell: Any, store: Any) -> None:
        self.running.append(cell.key)
        self.most = max(self.most, len(self.running))

    def wait(self) -> tuple[str, dict[str, Any]]:
        key = self.running.pop()
        return key, {"error": "why"} if int(key) == self.broken else {"labels": [int(key)]}

    def close(self) -> None: ...


def test_no_more_shards_are_read_than_run(tmp_path: Path) -> None:
    engine, read = Engine(), 0

    def iterate() -> Iterator[Shard]:
        nonlocal read
        for index in range(10):
            read += 1
            yield Shard(index, (), WORKER)

    ended = []
    for numbers in run_shards(iterate(), Store(tmp_path), engine):
        ended += numbers["labels"]
        assert read - len(ended) <= engine.slots
    assert sorted(ended) == list(range(10))
    assert engine.most == 3


def test_a_shard_that_fails_ends_the_job_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(DawgenError, match="shard 000004: why\n.*run the same command again"):
        list(run_shards((Shard(index, (), WORKER) for index in range(10)), Store(tmp_path), Engine(broken=4)))


def test_a_shard_is_named_by_its_number() -> None:
    shard = Shard(12, (Example("a"),), WORKER)
    assert (shard.key, shard.file, shard.needs) == ("000012", "shards/000012.json", ())


def test_two_processes_write_what_one_does(bundle: Path, source: Path, tmp_path: Path) -> None:
    for count in (1, 2):
        how, out = How(shard_rows=8, workers=count), tmp_path / f"{count}.parquet"
        numbers = label_file(bundle, str(source), out, how=how, reporter=QUIET)
        assert (numbers["workers"], numbers["shards"]) == (count, 7)
        assert not find_parts(out).exists()
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


@pytest.mark.alone
def test_a_ray_cluster_writes_what_one_process_does(bundle: Path, source: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the Ray engine needs dawgen[ray]")
    for engine in ("local", "ray"):
        how = How(shard_rows=8, workers=1, engine=engine)
        assert label_file(bundle, str(source), tmp_path / f"{engine}.csv", how=how, reporter=QUIET)["shards"] == 7
    assert (tmp_path / "local.csv").read_bytes() == (tmp_path / "ray.csv").read_bytes()


@pytest.mark.parametrize(
    ("shards", "threads", "weights", "free", "expected"),
    [
        (100, 1, 0, 64 << 30, 8),  # a process for each CPU
        (100, 3, 0, 64 << 30, 2),
        (100, 16, 0, 64 << 30, 1),
        (11, 1, 0, 64 << 30, 2),  # little to do
        (3, 1, 0, 64 << 30, 1),
        (100, 1, 3 << 30, 24 << 30, 3),  # little memory
        (100, 1, 3 << 30, 1 << 30, 1),
    ],
)
def test_workers_by_cpus_shards_and_memory(
    monkeypatch: pytest.MonkeyPatch, shards: int, threads: int, weights: int, free: int, expected: int
) -> None:
    monkeypatch.setattr(workers, "count_cpus", lambda: 8)
    monkeypatch.setattr(workers, "find_free_memory", lambda: free)
    assert choose_workers(shards, threads, weights) == expected


def test_engines_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected local or ray"):
        check_engine("slurm", 1)
    with pytest.raises(ConfigError, match="expected 1 with --engine ray"):
        check_engine("ray", 2)
    check_engine("ray", 1)
    assert HereEngine.slots == 1
