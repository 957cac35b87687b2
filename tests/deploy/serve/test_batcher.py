"""The batcher: answers in order, batches of several requests, waiting for company, draining, threads."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from dawgen.deploy.serve.batch_stats import BatchStats
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.pending import StoppedError
from dawgen.rng import python_rng
from support.batchers import SOON, assert_answered, held_up, make_prompts, make_stepped
from support.loaded_prompts import draw_rows, make_loaded
from support.targets import make_backbone
from support.tiny import Kind


def test_requests_of_several_prompts_share_batches_and_each_gets_its_own_answers_in_order() -> None:
    batcher, seen = make_stepped(token_budget=60), list[BatchStats]()
    batcher.observe = seen.append
    requests = [(loaded, draw_rows([9, 2, 14, 5], seed=place)) for place, loaded in enumerate(make_prompts())]
    all_pending = [batcher.submit(loaded, rows) for loaded, rows in requests]
    assert batcher.stats().queued == 16
    taken = []
    while rows := batcher.step():
        taken.append(rows)
    for pending, (_, rows) in zip(all_pending, requests, strict=True):
        assert_answered(pending, rows)
    assert taken == [batch.rows for batch in seen]
    assert any(batch.prompts > 1 and batch.requests > 1 for batch in seen)
    assert all(batch.rows == 1 or batch.padded_tokens <= 60 for batch in seen)
    stats = batcher.stats()
    assert (stats.queued, stats.running, stats.rows, stats.batches) == (0, 0, 16, len(seen))
    assert stats.real_tokens == 4 * (9 + 2 + 14 + 5) + 4 * (3 + 5 + 1 + 0)
    assert stats.padded_tokens == sum(batch.padded_tokens for batch in seen) >= stats.real_tokens
    assert stats.busy_seconds == pytest.approx(sum(batch.seconds for batch in seen))


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_many_threads_that_ask_and_give_up_get_right_answers_and_leave_nothing_behind(kind: Kind) -> None:
    backbone = make_backbone(kind)
    prompts = [make_loaded(backbone, length, 2 + length % 3, seed=length) for length in (2, 5, 1, 4)]

    def ask(client: int) -> int:
        rng, answered = python_rng(client, "clients"), 0
        for turn in range(6):
            rows = draw_rows([rng.randint(1, 20) for _ in range(rng.randint(1, 4))], seed=100 * client + turn)
            pending = batcher.submit(rng.choice(prompts), rows)
            if rng.random() < 0.2 and pending.cancel():
                with pytest.raises(CancelledError):
                    pending.future.result(SOON)
                continue
            assert_answered(pending, rows, kind)
            answered += 1
        return answered

    with Batcher(backbone, token_budget=100) as batcher, ThreadPoolExecutor(16) as pool:
        answered = sum(pool.map(ask, range(16)))
        assert batcher.drain(SOON)
        stats = batcher.stats()
    assert 0 < answered <= 96
    assert stats.queued == stats.running == stats.failed == 0
    assert stats.batches < stats.rows


@pytest.mark.parametrize("start", [True, False])
def test_draining_answers_all_that_was_accepted_and_takes_no_more(start: bool) -> None:
    loaded, rows = make_prompts()[0], draw_rows([7] * 30)
    with Batcher(make_backbone("t5"), start=start, max_wait=SOON, token_budget=10_000) as batcher:
        all_pending = [batcher.submit(loaded, [row]) for row in rows]
        begin = time.monotonic()
        assert batcher.drain(SOON)
        assert time.monotonic() - begin < SOON / 2  # it does not wait for more rows
        assert all(pending.future.done() for pending in all_pending)
        assert batcher.alive
        with pytest.raises(StoppedError, match="stopping"):
            batcher.submit(loaded, rows)
    for pending, row in zip(all_pending, rows, strict=True):
        assert_answered(pending, [row])


def test_a_drain_that_takes_too_long_says_so_and_closing_fails_what_is_left() -> None:
    loaded = make_prompts()[0]
    with held_up() as (hold, held, go):
        batcher = Batcher(make_backbone("t5"), observe=hold, max_wait=0)
        first = batcher.submit(loaded, draw_rows([3]))
        assert held.wait(SOON)
        second = batcher.submit(loaded, draw_rows([4]))
        assert batcher.stats().queued == batcher.stats().running == 1
        assert not batcher.drain(0.05)
        closing = threading.Thread(target=batcher.close)
        closing.start()
        while batcher.alive:
            time.sleep(0.001)
        go.set()
        closing.join(SOON)
    assert_answered(first, draw_rows([3]))
    with pytest.raises(StoppedError, match="before it had answered"):
        second.future.result(SOON)
    assert not batcher.drain(0) and batcher.stats().queued == 0


def test_rows_that_come_while_a_batch_runs_share_the_next_one() -> None:
    loaded = make_prompts()[0]
    with held_up() as (hold, held, go), Batcher(make_backbone("t5"), observe=hold, max_wait=0) as batcher:
        first = batcher.submit(loaded, draw_rows([3]))
        assert held.wait(SOON)
        later = [batcher.submit(loaded, draw_rows([length])) for length in (4, 5, 4, 5)]
        go.set()
        wait([first.future, *(pending.future for pending in later)], SOON)
        assert batcher.drain(SOON)
        assert (batcher.stats().batches, batcher.stats().rows) == (2, 5)


@contextmanager
def asked_together(requests: int, **options: Any) -> Iterator[tuple[Batcher, list[BatchStats]]]:
    """A batcher whose last batch had so many requests, and the statistics of its next ones."""
    loaded, seen = make_prompts()[3], list[BatchStats]()
    with held_up() as (hold, held, go), Batcher(make_backbone("t5"), max_wait=0, observe=hold, **options) as batcher:
        first = batcher.submit(loaded, draw_rows([4]))
        assert held.wait(SOON)
        together = [batcher.submit(loaded, draw_rows([4])) for _ in range(requests)]
        go.set()
        wait([first.future, *(pending.future for pending in together)], SOON)
        batcher.observe = seen.append
        yield batcher, seen


def test_a_worker_waits_for_the_company_of_the_last_batch_no_longer_than_it_may() -> None:
    with asked_together(3) as (batcher, seen):
        batcher.max_wait = 0.2
        all_pending = [batcher.submit(make_prompts()[3], draw_rows([5])) for _ in range(2)]
        wait([pending.future for pending in all_pending], SOON)
    assert len(seen) == 1 and seen[0].rows == 2
    assert 0.2 <= seen[0].waited < SOON


def test_as_many_requests_as_the_last_batch_had_do_not_wait() -> None:
    with asked_together(3) as (batcher, seen):
        batcher.max_wait = 100 * SOON
        all_pending = [batcher.submit(make_prompts()[3], draw_rows([5])) for _ in range(3)]
        wait([pending.future for pending in all_pending], SOON)
    assert [batch.requests for batch in seen] == [3]


def test_a_full_batch_does_not_wait() -> None:
    with asked_together(3, token_budget=20) as (batcher, _):
        batcher.max_wait = 100 * SOON
        assert_answered(batcher.submit(make_prompts()[3], draw_rows([5] * 4)), draw_rows([5] * 4))


def test_who_asks_alone_does_not_wait() -> None:
    with asked_together(1) as (batcher, seen):
        batcher.max_wait = 100 * SOON
        for turn in range(3):
            rows = draw_rows([5, 9], seed=turn)
            assert_answered(batcher.submit(make_prompts()[0], rows), rows)
    assert len(seen) == 3


def test_the_first_one_waits() -> None:
    seen = list[BatchStats]()
    with Batcher(make_backbone("t5"), max_wait=0.1, observe=seen.append) as batcher:
        batcher.submit(make_prompts()[0], draw_rows([5])).future.result(SOON)
    assert 0.1 <= seen[0].waited < SOON


def test_the_worker_takes_its_own_number_of_threads() -> None:
    seen: list[int] = []
    before = torch.get_num_threads()
    try:
        with Batcher(
            make_backbone("t5"), threads=before + 1, observe=lambda _: seen.append(torch.get_num_threads())
        ) as batcher:
            batcher.submit(make_prompts()[0], draw_rows([3])).future.result(SOON)
    finally:
        torch.set_num_threads(before)
    assert seen == [before + 1]
