"""FLOPs, bytes and kernel calls of one pass through a model with frozen weights.

Forward of one block on B rows of T queries and S keys:  2 B T W + 4 B T S Hq  FLOPs, W the numbers in its matrices.
Backward in the inputs alone:                            2 B T W + 8 B T S Hq  (no gradient of a weight is made).
Head on N positions:                                     2 N H V, the same again for its gradient.
Bytes: weights once; keys and values three times (a cache grows by a copy, then attention reads it); and per token and
block about 14 H + 4 F numbers that matrices, norms and sums read and write between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dawgen.cost.shape import CALLS_AROUND, CROSS_CALLS, Shape


@dataclass(frozen=True, slots=True)
class Counts:
    """What a pass does on any machine: floating-point operations, bytes moved, kernel calls."""

    flops: float = 0.0
    bytes: float = 0.0
    calls: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.flops + other.flops, self.bytes + other.bytes, self.calls + other.calls)

    def __mul__(self, times: float) -> Counts:
        return Counts(self.flops * times, self.bytes * times, self.calls * times)


Work = tuple[tuple[Counts, float], ...]  # passes, each with how many times it is done


def total(work: Work) -> Counts:
    """Return all passes together."""
    return add(counts * times for counts, times in work)


def add(parts: Iterable[Counts]) -> Counts:
    """Return the sum of counts."""
    return sum(parts, Counts())


def repeat(work: Work, times: float) -> Work:
    """Return the work done so many times."""
    return tuple((counts, own * times) for counts, own in work)


def forward(shape: Shape, rows: float, queries: float, keys: float) -> Counts:
    """Count the blocks of a causal model, or of an encoder, on `rows` of `queries` tokens that see `keys` tokens."""
    return _block(shape, rows, queries, keys, backward=False) * shape.layers + Counts(calls=CALLS_AROUND)


def backward(shape: Shape, rows: float, queries: float, keys: float, *, inputs: bool = True) -> Counts:
    """Count the gradient of what `forward` counts in a key/value prefix and, with `inputs`, in the embeddings too.

    Without them the first block's queries, keys and values need none.
    """
    whole = _block(shape, rows, queries, keys, backward=True) * shape.layers + Counts(calls=CALLS_AROUND)
    spared = 0 if inputs else 2 * rows * queries * shape.width * (shape.query_width + 2 * shape.kv_width)
    return whole + Counts(flops=-spared)


def tangent(shape: Shape, rows: float, queries: float, keys: float) -> Counts:
    """Count a forward in forward mode: three products for each, as PyTorch also differentiates by frozen weights."""
    return forward(shape, rows, queries, keys) * 3


def head(shape: Shape, positions: float) -> Counts:
    """Count the output head with its softmax on `positions` hidden states, forward; backward costs the same again."""
    logits = positions * shape.vocabulary
    moved = shape.item * shape.width * (shape.vocabulary + positions) + logits * (
        shape.item + 3 * 4
    )  # float32 after it
    return Counts(2 * logits * shape.width, moved, 8)


def answer(
    shape: Shape, rows: float, keys: float, positions: int = 1, *, gradient: bool = False, kept: bool = False
) -> Counts:
    """Count a decoder that reads an encoder's `keys` states and answers at the last of `positions`: forward or back.

    kept: whether keys and values of the states are there already.
    """
    tokens, products = rows * positions, 8 if gradient else 4
    own = shape.attention_weights + shape.width * 2 * shape.query_width + shape.feed_forward_weights
    states = 0 if kept else shape.width * 2 * shape.kv_width  # keys and values of every encoder state, in every block
    flops = 2 * tokens * own + 2 * rows * keys * states
    flops += products * tokens * (positions + keys) * shape.query_width
    moved = own + states + 2 * rows * keys * (shape.width + 2 * shape.kv_width) + tokens * _between(shape)
    calls = CROSS_CALLS[gradient]
    return Counts(flops, shape.item * moved, calls) * shape.cross + Counts(calls=CALLS_AROUND)


def _block(shape: Shape, rows: float, queries: float, keys: float, *, backward: bool) -> Counts:
    tokens = rows * queries
    weights = shape.attention_weights + shape.feed_forward_weights
    products = 8 if backward else 4  # two products forward, four back, at 2 FLOPs for each pair of numbers
    flops = 2 * tokens * weights + products * tokens * keys * shape.query_width
    moved = weights + 3 * 2 * rows * keys * shape.kv_width + (1 + backward) * tokens * _between(shape)
    return Counts(flops, shape.item * moved, shape.calls[backward])


def _between(shape: Shape) -> int:
    """Numbers that one token reads and writes between the matrices of a block."""
    return 14 * shape.width + (7 if shape.gated else 4) * shape.feed_forward
