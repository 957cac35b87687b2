"""How many threads a verb takes where none are named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dawgen import runtime
from dawgen.runtime import SMALL, count_cpus, find_free_memory, find_threads, read_quota, set_threads


@pytest.fixture(autouse=True)
def _keep_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_named_threads_come_before_the_environment_and_that_before_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "count_cpus", lambda: 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert [set_threads(1), torch.get_num_threads()] == [1, 1]
    assert [set_threads(None), torch.get_num_threads()] == [2, 2]
    for unset in ("", "2,1"):  # a list is for nested regions
        monkeypatch.setenv("OMP_NUM_THREADS", unset)
        assert [set_threads(None), set_threads(None, 1)] == [3, 1]


def test_small_models_run_on_one_thread_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "count_cpus", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [set_threads(None, sizes=sizes) for sizes in ([SMALL], [2, 3], [2, SMALL + 1], [])] == [1, 1, 3, 3]
    assert [set_threads(given, 2, sizes=[size]) for given, size in ((None, 5), (None, SMALL + 1), (2, 5))] == [1, 2, 2]
    assert [find_threads(None, [SMALL + 1]), find_threads(None)] == [None, None]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert set_threads(None, sizes=[5]) == 2


def test_free_memory_is_what_the_tightest_limit_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "/proc/meminfo": "MemTotal: 99 kB\nMemAvailable:    5000 kB\n",
        "/sys/fs/cgroup/memory.max": "4000000\n",
        "/sys/fs/cgroup/memory.current": "1000000\n",
    }

    def read(path: Path) -> str:
        if str(path) not in texts:
            raise FileNotFoundError(path)
        return texts[str(path)]

    monkeypatch.setattr(Path, "read_text", read)
    assert find_free_memory() == 3_000_000
    texts["/sys/fs/cgroup/memory.stat"] = "anon 5\ninactive_file 250000\n"  # of files, which the system gives back
    assert find_free_memory() == 3_250_000
    texts["/sys/fs/cgroup/memory.max"] = "max\n"
    assert find_free_memory() == 5000 * 1024
    texts.clear()
    assert find_free_memory() is None


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("", None)],
)
def test_a_containers_quota_counts_whole_cpus(tmp_path: Path, text: str, cpus: int | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert read_quota(tmp_path / "cpu.max") == cpus
    assert read_quota(tmp_path / "absent") is None


def test_a_quota_below_the_machines_cpus_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "read_quota", lambda path: 1)
    assert count_cpus() == 1
    monkeypatch.setattr(runtime, "read_quota", lambda path: 10_000)
    assert 1 <= count_cpus() < 10_000
