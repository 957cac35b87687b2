"""Which rows share a batch: within the budget, little padding, and nobody waits for ever."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.deploy.serve.loaded_prompt import Served
from dawgen.deploy.serve.pending import Ticket
from dawgen.deploy.serve.queue import Row, Waiting, choose_widths
from support.served import draw_rows, make_served
from support.targets import make_backbone


def serve(length: int = 0, kind: str = "t5") -> Served:
    return make_served(make_backbone(kind), length)  # type: ignore[arg-type]


def queue(waiting: Waiting, lengths: list[int], served: Served | None = None, now: float = 0.0) -> Ticket:
    ticket = Ticket(served or serve(), len(lengths))
    waiting.add(ticket, draw_rows(lengths), now)
    return ticket


def take_all(waiting: Waiting, budget: int = 100, overhead: int = 10) -> Iterator[list[Row]]:
    while rows := waiting.take(budget, overhead):
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
    waiting = Waiting()
    tickets = [queue(waiting, lengths) for lengths in requests]
    dropped = set(data.draw(st.lists(st.sampled_from(tickets), unique=True))) if tickets else set()
    taken: list[tuple[Ticket, int]] = []
    for ticket in dropped:
        before = len(waiting)
        assert waiting.drop(ticket) == ticket.count == before - len(waiting)
        assert waiting.drop(ticket) == 0
    for rows in take_all(waiting, budget):
        assert len(rows) == 1 or len(rows) * max(row.width for row in rows) <= budget
        taken += [(row.ticket, row.place) for row in rows]
    wanted = [(ticket, place) for ticket in tickets if ticket not in dropped for place in range(ticket.count)]
    assert sorted(taken, key=wanted.index) == wanted
    assert (len(waiting), waiting.tokens, waiting.tickets) == (0, 0, [])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.lists(st.integers(1, 40), min_size=1, max_size=3))
@settings(deadline=None)
def test_no_row_waits_longer_than_twice_its_place_in_the_queue(lengths: list[int], fresh: list[int]) -> None:
    waiting = Waiting()
    first = queue(waiting, lengths)
    left, batches = set(range(len(lengths))), 0
    while left:
        queue(waiting, fresh)  # new ones keep coming
        left -= {row.place for row in waiting.take(40, 10) if row.ticket is first}
        batches += 1
        assert batches <= 2 * len(lengths)


def test_a_short_request_does_not_wait_for_a_long_one() -> None:
    waiting = Waiting()
    queue(waiting, [30] * 200)
    next(take_all(waiting))
    short = queue(waiting, [7])
    batches = [waiting.take(100, 10) for _ in range(2)]
    assert any(row.ticket is short for rows in batches for row in rows)


def test_a_long_request_goes_on_while_short_ones_keep_coming() -> None:
    waiting, left, batches = Waiting(), 60, 0
    long = queue(waiting, [30] * left)
    while left:
        for _ in range(5):
            queue(waiting, [7])
        left -= sum(row.ticket is long for row in waiting.take(100, 10))
        batches += 1
    assert batches <= 2 * 60 / 3  # at least every other batch is three of its rows


def test_rows_of_like_length_go_together_and_the_share_of_padding_is_small() -> None:
    waiting = Waiting()
    for place in range(200):
        queue(waiting, [10 + 50 * (place * 7919 % 200) // 200])
    batches = list(take_all(waiting, 512, 64))
    padded = sum(len(rows) * max(row.width for row in rows) for rows in batches)
    assert sum(row.width for rows in batches for row in rows) / padded > 0.95
    assert len(batches) <= 1.2 * padded / 512


def test_a_prompt_counts_for_an_encoder_and_its_stored_keys_bound_the_rows_of_a_causal_model() -> None:
    waiting = Waiting()
    queue(waiting, [10] * 20, serve(15))
    assert waiting.tokens == 20 * 25
    assert len(waiting.take(100, 10)) == 4
    waiting = Waiting()
    queue(waiting, [10] * 20, serve(15, "llama"))
    assert waiting.tokens == 20 * 10  # positions that are computed
    assert len(waiting.take(100, 10)) == 4  # what they read has to fit as well


def test_a_long_prompt_that_has_gone_takes_no_room_from_later_ones() -> None:
    waiting = Waiting()
    queue(waiting, [10], serve(90, "llama"))
    assert len(waiting.take(100, 10)) == 1
    queue(waiting, [10] * 20, serve(15, "llama"))
    assert len(waiting.take(100, 10)) == 4
