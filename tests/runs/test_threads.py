"""Threads of a stage: as told, as a killed stage had them, else the faster of one and all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dawgen import runtime
from dawgen.runs import threads
from dawgen.runs.threads import settle_threads, time_threads
from support.targets import make_backbone


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Two CPUs, and a limit for small models that no model is below; the number of threads comes back afterwards."""
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(runtime, "SMALL", 0)
    monkeypatch.setattr(threads, "count_cpus", lambda: 2)
    yield monkeypatch
    torch.set_num_threads(before)


@pytest.mark.parametrize(("seconds", "chosen"), [({1: 2.0, 2: 1.0}, 2), ({1: 1.0, 2: 2.0}, 1), ({1: 1.05, 2: 1.0}, 1)])
def test_the_faster_number_is_taken_and_a_resumed_stage_takes_as_many(
    large: pytest.MonkeyPatch, tmp_path: Path, seconds: dict[int, float], chosen: int
) -> None:
    large.setattr(threads, "time_threads", lambda *_: seconds)
    said: list[str] = []
    assert settle_threads(None, make_backbone(), tmp_path, said.append) == chosen == torch.get_num_threads()
    assert said[0].startswith(f"{chosen} of 2 threads: ")
    large.setattr(threads, "time_threads", lambda *_: pytest.fail("compared again"))
    assert settle_threads(None, make_backbone(), tmp_path) == chosen
    assert settle_threads(3 - chosen, make_backbone(), tmp_path) == 3 - chosen == torch.get_num_threads()


def test_what_is_told_and_small_models_are_not_compared(large: pytest.MonkeyPatch, tmp_path: Path) -> None:
    large.setattr(threads, "time_threads", lambda *_: pytest.fail("compared"))
    assert settle_threads(2, make_backbone()) == 2
    large.setattr(runtime, "SMALL", 10**9)
    assert settle_threads(None, make_backbone()) == 1
    (tmp_path / ".dawgen").mkdir()
    (tmp_path / ".dawgen" / "threads").write_text("many")
    assert settle_threads(None, make_backbone(), tmp_path) == 1


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_a_pass_is_timed_with_each_number(kind: str) -> None:
    before = torch.get_num_threads()
    found = time_threads(make_backbone(kind), (1, 2))
    assert set(found) == {1, 2} and min(found.values()) > 0 and torch.get_num_threads() == before
