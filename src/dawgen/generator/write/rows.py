"""Rows that are being decoded, with the model's cache of what they have read; it shrinks as rows leave."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache

from dawgen.generator.codec import TokenRow, collate
from dawgen.generator.prefix import Prefix
from dawgen.models.cache import name_cache

# Tokens of rows of similar length that are read together: enough for a full matrix product, few of them padding. On a
# CPU this takes 12 % less time than one batch of all rows; a GPU needs more at once.
CONTEXT_TOKENS = {"cpu": 384, "cuda": 16384}


class Running(Protocol):
    """Rows that are decoded together. hidden [B,H]: last hidden states at each row's newest token."""

    hidden: Tensor

    def keep(self, sources: Sequence[int], places: Sequence[int], count: int) -> None:
        """Copy the rows at `sources` to the `places` of rows that have left, then keep the first `count` rows."""

    def step(self, tokens: Tensor) -> None:
        """Let every row read its next token [B]."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """Contexts that were read: hidden [b,H], mask [b,C], next positions [b], and a cache of C columns.

    Row places[i] continues context sources[i], two lists [r] with r >= b.
    """

    places: Sequence[int]
    sources: Sequence[int]
    hidden: Tensor
    mask: Tensor
    positions: Tensor
    cache: Any


def read_contexts(prefix: Prefix, rows: Sequence[TokenRow]) -> Iterator[Contexts]:
    """Yield the contexts of rows, sorted by length, longest first, after reading prefix and context: a few at a time,
    so that little is padding, and those that several rows have once."""
    # Rows of different labels with the same text1 are each decoded under the labels of all of them.
    known: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for place, row in enumerate(rows):
        known.setdefault((row.label, row.context), []).append(place)
    unique, users = [TokenRow(label, context, (0,)) for label, context in known], list(known.values())
    # A sliding window keeps the last tokens only: caches of batches of different length could not be joined.
    sliding = any(DynamicCache(config=prefix.model.config).is_sliding)
    tokens = CONTEXT_TOKENS["cuda" if prefix.model.device.type == "cuda" else "cpu"]
    start = 0
    while start < len(unique):
        size = len(unique) if sliding else max(1, tokens // len(unique[start].context))
        batch = collate(unique[start : start + size], prefix.model.device)
        hidden, cache, mask, positions = prefix.prefill(batch)
        joined = [(place, source) for source, places in enumerate(users[start : start + size]) for place in places]
        places, sources = zip(*joined, strict=True)
        yield Contexts(places, sources, hidden[batch.rows, batch.columns], mask, positions, cache)
        start += size


class GrowingRows:
    """Rows whose cache grows by a column per step.

    On a CPU this is as fast as writing into buffers of fixed size, or faster: what was just copied is still in the
    processor's cache when attention reads it.
    """

    def __init__(self, prefix: Prefix, rows: Sequence[TokenRow]) -> None:
        self._model = prefix.model.base_model
        room: list[list[Tensor]] = []
        for some in read_contexts(prefix, rows):
            width, places, sources = some.mask.shape[1], list(some.places), list(some.sources)
            if not room:  # the longest contexts set the shapes, and their cache holds all others too
                self._cache = some.cache
                self.hidden = some.hidden.new_empty(len(rows), some.hidden.shape[1])
                self._mask = some.mask.new_zeros(len(rows), width)
                self._positions = some.positions.new_empty(len(rows))
                room = [
                    [part.new_empty(len(rows), *part.shape[1:]) for part in (layer.keys, layer.values)]
                    for layer in some.cache.layers
                ]
            self.hidden[places], self._positions[places] = some.hidden[sources], some.positions[sources]
            self._mask[places, :width] = some.mask[sources]
            for wholes, layer in zip(room, some.cache.layers, strict=True):
                for whole, part in zip(wholes, (layer.keys, layer.values), strict=True):
                    whole[places, :, : part.shape[2]] = part[sources]
                    whole[places, :, part.shape[2] :] = 0  # masked, but 0 times NaN would be NaN
        for layer, (keys, values) in zip(self._cache.layers, room, strict=True):
            layer.keys, layer.values = keys, values

    def keep(self, sources: Sequence[int], places: Sequence[int], count: int) -> None:
        """Copy the rows at `sources` to the `places` of rows that have left, then keep the first `count` rows."""
        layers = self._cache.layers
        parts = [layer.keys for layer in layers] + [layer.values for layer in layers] + [self._mask, self._positions]
        if sources:
            for part in parts:
                part[places] = part[sources]
        for layer in layers:
            layer.keys, layer.values = layer.keys[:count], layer.values[:count]
        self._mask, self._positions = self._mask[:count], self._positions[:count]

    def step(self, tokens: Tensor) -> None:
        """Let every row read its next token [B]."""
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        output = self._model(
            input_ids=tokens[:, None],
            attention_mask=self._mask,
            position_ids=self._positions[:, None],
            use_cache=True,
            **{name_cache(self._model): self._cache},
        )
        self._positions = self._positions + 1
        self.hidden = output.last_hidden_state[:, -1]
