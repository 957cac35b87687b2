"""The batcher when things go wrong: requests that give up, models that fail, a full queue, a dead worker."""

import asyncio
from concurrent.futures import wait
from dataclasses import replace

import pytest
import torch

from dawgen.deploy.serve import batcher as batcher_module
from dawgen.deploy.serve.batch_stats import BatchStats
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.pending import QueueFullError, StoppedError
from dawgen.errors import DataError, ModelError
from support.batchers import SOON, assert_answered, assert_answered_after, make_prompts, make_stepped
from support.loaded_prompts import draw_rows
from support.targets import make_backbone


def test_a_cancelled_request_leaves_the_queue_at_once_and_makes_room() -> None:
    batcher, loaded = make_stepped(most_rows=4), make_prompts()[0]
    pending = batcher.submit(loaded, draw_rows([5, 6, 7]))
    other = batcher.submit(loaded, draw_rows([5]))
    with pytest.raises(QueueFullError):
        batcher.submit(loaded, draw_rows([5]))
    assert pending.cancel() and pending.future.cancelled()
    assert wait([pending.future], 1).done  # who waits for it goes on
    assert (batcher.stats().queued, batcher.stats().cancelled) == (1, 3)
    third = batcher.submit(loaded, draw_rows([8, 9]))
    while batcher.step():
        pass
    assert_answered(other, draw_rows([5]))
    assert_answered(third, draw_rows([8, 9]))
    assert batcher.stats().rows == 3


def test_cancelling_a_request_of_the_running_batch_harms_nobody() -> None:
    loaded = make_prompts()[0]
    with Batcher(make_backbone("t5")) as batcher:
        batcher.observe = lambda _: all_pending[0].cancel()  # after the batch, before its answers go out
        all_pending = [batcher.submit(loaded, draw_rows([4])), batcher.submit(loaded, draw_rows([4]))]
        wait([pending.future for pending in all_pending], SOON)
        assert all_pending[0].future.cancelled()
        assert_answered(all_pending[1], draw_rows([4]))
        assert not all_pending[1].cancel()
        assert batcher.alive


def test_a_timeout_of_asyncio_takes_the_rows_out() -> None:
    batcher = make_stepped()

    async def give_up() -> None:
        pending = batcher.submit(make_prompts()[0], draw_rows([4, 5]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(pending.future), 0.01)

    asyncio.run(give_up())
    assert (batcher.stats().queued, batcher.step()) == (0, 0)


def test_a_request_that_fails_in_a_mixed_batch_fails_alone() -> None:
    batcher, (good, *_) = make_stepped(), make_prompts()
    broken = replace(good, name="broken", prompt=torch.zeros(2, 7))  # of another width
    endless = replace(good, name="endless", prompt=torch.full((2, 32), torch.nan))
    rows = draw_rows([4, 6])
    all_pending = [batcher.submit(loaded, rows) for loaded in (good, broken, good, endless)]
    while batcher.step():
        pass
    assert_answered(all_pending[0], rows)
    assert_answered(all_pending[2], rows)
    with pytest.raises(RuntimeError):
        all_pending[1].future.result(0)
    with pytest.raises(ModelError, match="not finite"):
        all_pending[3].future.result(0)
    assert batcher.stats().failed == 2 and batcher.stats().running == 0
    assert_answered_after(batcher, good)


def test_the_other_rows_of_a_failed_request_leave_the_queue() -> None:
    batcher = make_stepped(token_budget=20)
    broken = replace(make_prompts()[0], prompt=torch.zeros(2, 7))
    pending = batcher.submit(broken, draw_rows([9] * 8))
    assert batcher.step() == 1
    assert pending.future.exception(0) is not None
    assert batcher.stats().queued == 0


def test_the_queue_is_bounded_and_says_when_to_come_again() -> None:
    now = iter(range(1000))
    batcher, loaded = make_stepped(most_rows=10, clock=lambda: float(next(now)), token_budget=8), make_prompts()[3]
    batcher.submit(loaded, draw_rows([4] * 8))
    with pytest.raises(QueueFullError, match="8 are waiting and at most 10 may") as full:
        batcher.submit(loaded, draw_rows([4] * 3))
    assert full.value.retry_after == 1.0  # nothing measured yet
    assert batcher.step() == 2  # in one second by this clock
    batcher.submit(loaded, draw_rows([4] * 4))
    with pytest.raises(QueueFullError) as full:
        batcher.submit(loaded, draw_rows([4] * 6))
    assert full.value.retry_after == pytest.approx(6 / 2)  # rows too many by rows a second


def test_rows_that_no_batch_could_answer_are_refused() -> None:
    batcher, loaded = make_stepped(most_rows=10), make_prompts()[0]
    for rows, message in (
        ([], "expected 1 to 10 rows, got 0"),
        (draw_rows([1] * 11), "expected 1 to 10 rows, got 11"),
        ([[5], []], "row 1: expected 1 to 64 tokens, got 0"),
        ([[5] * 65], "row 0: expected 1 to 64 tokens, got 65"),
        ([[10**6]], "row 0: expected token ids below"),
        ([[-1]], "row 0: expected token ids below"),
    ):
        with pytest.raises(DataError, match=message):
            batcher.submit(loaded, rows)
    assert batcher.stats().queued == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lost_device_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(_: torch.device) -> None:
        raise RuntimeError("the device is lost")

    monkeypatch.setattr(batcher_module, "touch", lose)
    broken = replace(make_prompts()[0], prompt=torch.zeros(2, 7))
    with Batcher(make_backbone("t5")) as batcher:
        with pytest.raises(StoppedError, match="before it had answered"):
            batcher.submit(broken, draw_rows([5])).future.result(SOON)
        assert not batcher.alive


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_shows_and_leaves_nobody_waiting() -> None:
    def die(_: BatchStats) -> None:
        raise SystemExit

    loaded = make_prompts()[3]
    with Batcher(make_backbone("t5"), observe=die, token_budget=8) as batcher:
        pending = batcher.submit(loaded, draw_rows([8] * 3))  # three batches
        with pytest.raises(StoppedError):
            pending.future.result(SOON)
        assert not batcher.alive and batcher.stats().queued == 0
        with pytest.raises(StoppedError):
            batcher.submit(loaded, draw_rows([8]))


def test_an_observer_that_fails_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: BatchStats) -> None:
        raise ValueError("no such metric")

    batcher = make_stepped(observe=fail)
    assert_answered_after(batcher, make_prompts()[0])
    assert "no such metric" in caplog.text
