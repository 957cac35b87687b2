"""Which rows share a batch: within the budget, little padding, and nobody waits for ever."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.deploy.serve.loaded_prompt import LoadedPrompt
from dawgen.deploy.serve.pending import PendingRequest
from dawgen.deploy.serve.queue import QueuedRow, RowQueue, choose_widths
from support.loaded_prompts import draw_rows, make_loaded
from support.targets import make_backbone


def serve(length: int = 0, kind: str = "t5") -> LoadedPrompt:
    return make_loaded(make_backbone(kind), length)  # type: ignore[arg-type]


def put(queue: RowQueue, lengths: list[int], loaded: LoadedPrompt | None = None, now: float = 0.0) -> PendingRequest:
    pending = PendingRequest(loaded or serve(), len(lengths))
    queue.add(pending, draw_rows(lengths), now)
    return pending


def take_all(queue: RowQueue, budget: int = 100, overhead: int = 10) -> Iterator[list[QueuedRow]]:
    while rows := queue.take(budget, overhead):
        yield rows


def find_best_share(widths: list[int], head: int, budget: int, overhead: int, front: int) -> float:
    """Try all runs of the sorted rows that hold the head."""
    order, best = sorted(widths, reverse=True), 0.0
    for start in range(len(order)):
        for end in range(start + 1, len(order) + 1):
            run = order[start:end]
            if head in run and (len(run) == 1 or len(run) * (run[0] + front) <= budget):
                best = max(best, sum(run) / (len(run) * run[0] + overhead))
    return best


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=25),
    st.data(),
    st.integers(1, 200),
    st.integers(0, 60),
    st.integers(0, 10),
)
@settings(deadline=None, max_examples=300)
def test_the_choice_is_the_best_run_around_the_head(
    widths: list[int], data: st.DataObject, budget: int, overhead: int, front: int
) -> None:
    head = data.draw(st.sampled_from(widths))
    chosen = choose_widths(Counter(widths), head, budget, overhead, front)
    number, longest = sum(chosen.values()), max(chosen)
    assert chosen[head] >= 1
    assert all(0 <= count <= Counter(widths)[width] for width, count in chosen.items())
    assert number == 1 or number * (longest + front) <= budget
    share = sum(width * count for width, count in chosen.items()) / (number * longest + overhead)
    assert share == pytest.approx(find_best_share(widths, head, budget, overhead, front))


@given(st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=8), max_size=8), st.integers(1, 150), st.data())
@settings(deadline=None)
def test_every_row_is_taken_once_or_dropped(requests: list[list[int]], budget: int, data: st.DataObject) -> None:
    queue = RowQueue()
    all_pending = [put(queue, lengths) for lengths in requests]
    dropped = set(data.draw(st.lists(st.sampled_from(all_pending), unique=True))) if all_pending else set()
    taken: list[tuple[PendingRequest, int]] = []
    for pending in dropped:
        before = len(queue)
        assert queue.drop(pending) == pending.count == before - len(queue)
        assert queue.drop(pending) == 0
    for rows in take_all(queue, budget):
        assert len(rows) == 1 or len(rows) * max(row.width for row in rows) <= budget
        taken += [(row.request, row.place) for row in rows]
    wanted = [(pending, place) for pending in all_pending if pending not in dropped for place in range(pending.count)]
    assert sorted(taken, key=wanted.index) == wanted
    assert (len(queue), queue.tokens, queue.requests) == (0, 0, [])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.lists(st.integers(1, 40), min_size=1, max_size=3))
@settings(deadline=None)
def test_no_row_waits_longer_than_twice_its_place_in_the_queue(lengths: list[int], fresh: list[int]) -> None:
    queue = RowQueue()
    first = put(queue, lengths)
    left, batches = set(range(len(lengths))), 0
    while left:
        put(queue, fresh)  # new ones keep coming
        left -= {row.place for row in queue.take(40, 10) if row.request is first}
        batches += 1
        assert batches <= 2 * len(lengths)


def test_a_short_request_does_not_wait_for_a_long_one() -> None:
    queue = RowQueue()
    put(queue, [30] * 200)
    next(take_all(queue))
    short = put(queue, [7])
    batches = [queue.take(100, 10) for _ in range(2)]
    assert any(row.request is short for rows in batches for row in rows)


def test_a_long_request_goes_on_while_short_ones_keep_coming() -> None:
    queue, left, batches = RowQueue(), 60, 0
    long = put(queue, [30] * left)
    while left:
        for _ in range(5):
            put(queue, [7])
        left -= sum(row.request is long for row in queue.take(100, 10))
        batches += 1
    assert batches <= 2 * 60 / 3  # at least every other batch is three of its rows


def test_rows_of_like_length_go_together_and_the_share_of_padding_is_small() -> None:
    queue = RowQueue()
    for place in range(200):
        put(queue, [10 + 50 * (place * 7919 % 200) // 200])
    batches = list(take_all(queue, 512, 64))
    padded = sum(len(rows) * max(row.width for row in rows) for rows in batches)
    assert sum(row.width for rows in batches for row in rows) / padded > 0.95
    assert len(batches) <= 1.2 * padded / 512


def test_a_prompt_counts_for_an_encoder_and_its_stored_keys_bound_the_rows_of_a_causal_model() -> None:
    queue = RowQueue()
    put(queue, [10] * 20, serve(15))
    assert queue.tokens == 20 * 25
    assert len(queue.take(100, 10)) == 4
    queue = RowQueue()
    put(queue, [10] * 20, serve(15, "llama"))
    assert queue.tokens == 20 * 10  # positions that are computed
    assert len(queue.take(100, 10)) == 4  # what they read has to fit as well


def test_a_long_prompt_that_has_gone_takes_no_room_from_later_ones() -> None:
    queue = RowQueue()
    put(queue, [10], serve(90, "llama"))
    assert len(queue.take(100, 10)) == 1
    put(queue, [10] * 20, serve(15, "llama"))
    assert len(queue.take(100, 10)) == 4
