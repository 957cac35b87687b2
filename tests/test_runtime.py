"""How many threads a verb takes where none are named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dawgen import runtime
from dawgen.runtime import count_cpus, read_quota, set_threads


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
