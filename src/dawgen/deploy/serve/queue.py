"""The rows that wait, and the rule that says which of them share the next batch. No threads and no clock, for tests.

A batch is built around one row, its head. Heads are in turn the row that has waited longest, and the next row of the
request that has had the fewest positions computed: many short requests cannot starve a long one, nor it them. Rows of
similar length join the head, so that little of what the model computes is padding.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dawgen.deploy.serve.pending import PendingRequest


@dataclass(frozen=True, eq=False, slots=True)
class QueuedRow:
    """One waiting row. place: its number within the request. width: positions that the model computes for it.

    front: stored positions that it attends to beside these (a causal prompt's keys and values). since: when it came, in
    seconds. number: of arrival. before: positions of its request that come before it, so what that request has had.
    """

    request: PendingRequest
    place: int
    ids: Sequence[int]
    width: int
    front: int
    since: float
    number: int
    before: int


class RowQueue:
    """Rows in order of arrival, by request and by width."""

    def __init__(self) -> None:
        self.tokens = 0  # sum of the widths
        self._count = self._numbers = self._front = self._turn = 0
        self._requests: dict[PendingRequest, dict[int, QueuedRow]] = {}  # rows of a request by place, in order
        self._widths: dict[int, dict[int, QueuedRow]] = {}  # rows of a width by number of arrival, in order

    def __len__(self) -> int:
        """Return how many rows wait."""
        return self._count

    @property
    def requests(self) -> list[PendingRequest]:
        """Requests that have waiting rows, the oldest first."""
        return list(self._requests)

    @property
    def request_count(self) -> int:
        """How many requests have waiting rows."""
        return len(self._requests)

    @property
    def oldest(self) -> QueuedRow:
        """The row that has waited longest; the queue must not be empty."""
        return next(iter(next(iter(self._requests.values())).values()))

    def add(self, request: PendingRequest, rows: Sequence[Sequence[int]], now: float, sharers: int = 1) -> None:
        """Add the rows of a new request. sharers: under how many prompts the same rows come."""
        loaded, before, front = request.prompt, 0, request.prompt.front
        self._front = max(self._front, front)
        own = self._requests[request] = {}
        for place, ids in enumerate(rows):
            width = loaded.weigh(ids, sharers)
            row = QueuedRow(request, place, ids, width, front, now, self._numbers, before)
            own[place] = self._widths.setdefault(width, {})[row.number] = row
            self._numbers, before = self._numbers + 1, before + width
        self._count += len(own)
        self.tokens += before

    def drop(self, request: PendingRequest) -> int:
        """Remove the waiting rows of a request, and return how many there were."""
        rows = list(self._requests.get(request, {}).values())
        self._remove(rows)
        return len(rows)

    def take(self, budget: int, overhead: int) -> list[QueuedRow]:
        """Remove and return the rows of the next batch: at most `budget` positions with padding, or a single row.

        overhead: the fixed cost of a batch, in positions. Empty when no row waits.
        """
        if not self._count:
            return []
        fair, self._turn = bool(self._turn % 2), self._turn + 1
        firsts = (next(iter(own.values())) for own in self._requests.values())
        head = min(firsts, key=_by_share) if fair else self.oldest
        counts = {width: len(rows) for width, rows in self._widths.items()}
        chosen = choose_widths(counts, head.width, budget, overhead, self._front)
        rows = [head]
        for width, count in chosen.items():
            others = (row for row in self._widths[width].values() if row is not head)
            wanted = count - (width == head.width)
            rows += heapq.nsmallest(wanted, others, key=_by_share if fair else _by_arrival)
        self._remove(rows)
        return rows

    def _remove(self, rows: Sequence[QueuedRow]) -> None:
        for row in rows:
            _discard(self._requests, row.request, row.place)
            _discard(self._widths, row.width, row.number)
        self._count -= len(rows)
        self.tokens -= sum(row.width for row in rows)
        if not self._count:
            self._front = 0


def choose_widths(counts: Mapping[int, int], head: int, budget: int, overhead: int, front: int = 0) -> dict[int, int]:
    """Return how many rows of each width share a batch with one of width `head`, itself included.

    counts: rows that wait by width, the head's among them. n rows padded to w have n * (w + front) <= budget; one row
    may have more. Of all runs of neighbouring widths around the head, the one with the largest share of real positions,
    sum of widths / (n * w + overhead).
    """
    # The overhead keeps batches from getting small: without it a single row, which has no padding, would always win.
    # Each width from the head's upwards is tried as the longest: all rows between it and the head belong to the run,
    # and below the head rows join as long as they raise the share.
    longer = sorted(width for width in counts if width > head)
    from_head = sorted((width for width in counts if width <= head), reverse=True)
    best, best_share = {head: 1}, -1.0
    above: dict[int, int] = {}
    for longest in [head, *longer]:
        most = max(1, budget // (longest + front))
        if longest > head:
            room = most - 1 - sum(above.values())
            if room < 1:
                break
            above[longest] = min(counts[longest], room)
        chosen, share = _extend({**above, head: 1}, from_head, counts, longest, most, overhead)
        if share > best_share:
            best, best_share = chosen, share
    return best


def _extend(
    chosen: dict[int, int], widths: Sequence[int], counts: Mapping[int, int], longest: int, most: int, overhead: int
) -> tuple[dict[int, int], float]:
    """Add rows of falling widths until there are `most`, or one more would lower the share of real positions."""
    number = sum(chosen.values())
    real = sum(width * count for width, count in chosen.items())
    for width in widths:
        # A row adds `width` real positions and costs `longest`: it raises the share while width / longest >= share.
        # In whole numbers, so that no rounding decides; narrower widths cannot raise it either.
        if number == most or width * (number * longest + overhead) < real * longest:
            break
        count = min(counts[width] - chosen.get(width, 0), most - number)
        chosen[width] = chosen.get(width, 0) + count
        number, real = number + count, real + width * count
    return chosen, real / (number * longest + overhead)


def _discard(groups: dict[Any, dict[int, QueuedRow]], group: Any, key: int) -> None:
    del groups[group][key]
    if not groups[group]:
        del groups[group]


def _by_share(row: QueuedRow) -> tuple[int, int]:
    return row.before, row.number


def _by_arrival(row: QueuedRow) -> int:
    return row.number
