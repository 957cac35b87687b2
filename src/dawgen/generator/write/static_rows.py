"""Decoding on a GPU: rows in buffers of fixed size, and steps that are recorded once as CUDA graphs and replayed.

With one token per row, a step is a thousand short kernels, and launching them takes longer than running them. A graph
launches them all at once, but only with the shapes and addresses that it was recorded with: keys and values lie in
room set aside, attention reads all columns behind a mask, and each number of rows in SIZES has a graph of its own.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from dawgen.generator.codec import TokenRow
from dawgen.generator.prefix import Prefix
from dawgen.generator.write.rows import Contexts, GrowingRows, Running, read_contexts
from dawgen.models.cache import name_cache

FAMILIES = ("ctrl", "gpt2", "llama", "qwen3")  # tests compare their rows with single rows
# Each size costs a recording and memory for a graph, so there are few; close enough that little of a batch is filling.
SIZES = (8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768)
COLUMNS = 64  # buffers have a multiple of it, so that most shards fit into those of the shard before

Replay = Callable[[], Tensor]


def choose_rows(prefix: Prefix, rows: Sequence[TokenRow], steps: int, memory: "Memory") -> Running:
    """Return the rows, sorted by length, longest first: on a GPU in fixed buffers, if they give the right numbers."""
    if on_gpu(prefix.model) and suits(prefix.model) and memory.trusts(prefix):
        return StaticRows(prefix, rows, steps, memory)
    return GrowingRows(prefix, rows)


def on_gpu(model: Any) -> bool:
    """Return whether the model's steps can be recorded as CUDA graphs."""
    return bool(model.device.type == "cuda")


def suits(model: Any) -> bool:
    """Return whether the family is known to work with a static cache and with a mask that is added to the scores."""
    config = model.config  # a sliding window drops columns from its cache, which fixed buffers cannot
    known = config.model_type in FAMILIES and config._attn_implementation == "sdpa"
    return known and not any(DynamicCache(config=config).is_sliding)


def round_rows(count: int) -> int:
    """Return the smallest size of a batch that holds the rows."""
    return next((size for size in SIZES if size >= count), -(-count // 256) * 256)


def record(forward: Replay) -> Replay:
    """Record `forward` as a CUDA graph; return a function that replays it into the same output tensor."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = forward()

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


def is_close(one: Tensor, other: Tensor) -> bool:
    """Return whether hidden states differ by no more than the rounding of their dtype."""
    tolerance = 1e-3 if other.dtype == torch.float32 else 0.05
    return bool((one - other).float().norm() <= tolerance * other.float().norm())


class StaticLayer(DynamicLayer):  # type: ignore[misc]  # transformers' types are not read
    """One layer's keys and values [R,Hkv,C,dh]; a step writes `column` [1] of its rows and reads all their columns."""

    def __init__(self, keys: Tensor, values: Tensor, column: Tensor) -> None:
        super().__init__()
        # `column` is a tensor: a graph keeps the Python numbers of its recording, but reads tensors at every replay.
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self.keys, self.values, self._column = keys, values, column

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write keys and values [B,Hkv,1,dh] of the first rows in place."""
        keys, values = self.keys[: len(key_states)], self.values[: len(key_states)]
        return keys.index_copy_(2, self._column, key_states), values.index_copy_(2, self._column, value_states)


class Buffers:
    """Room for R rows of C columns, and the graphs recorded on it.

    parts [L,2,R,Hkv,C,dh]; mask [R,1,1,C], added to attention; tokens and positions [R]: the next step's input;
    column [1]: where it is written.
    """

    def __init__(self, model: Any, like: Contexts, rows: int, columns: int) -> None:
        layers = like.cache.layers
        _, heads, _, size = layers[0].keys.shape
        # Zeros, not empty memory: masked columns have the weight 0, but 0 times NaN would be NaN.
        self.parts = like.hidden.new_zeros(len(layers), 2, rows, heads, columns, size)
        self.mask = like.hidden.new_zeros(rows, 1, 1, columns)
        self.tokens, self.positions = (like.positions.new_zeros(rows) for _ in range(2))
        self.column = like.positions.new_zeros(1)
        self._model, self._graphs = model.base_model, dict[int, Replay]()
        self._cache = Cache(layers=[StaticLayer(keys, values, self.column) for keys, values in self.parts])
        self._records = model.device.type == "cuda"

    def holds(self, rows: int, columns: int) -> bool:
        """Return whether the buffers are large enough."""
        return rows <= self.parts.shape[2] and columns <= self.parts.shape[4]

    def read(self, size: int) -> Tensor:
        """Read the tokens of the first `size` rows and return their last hidden states [size,H].

        A new size runs once without a graph, then is recorded, and the replay has to give the same numbers.
        """
        if size in self._graphs:
            return self._graphs[size]()
        # This step runs up to three times. That changes nothing: each time it writes the same numbers to the same
        # column, since only `StaticRows.step` moves the column on.
        hidden = self._forward(size)
        if self._records:
            hidden = hidden.clone()
            try:
                self._graphs[size] = replay = record(lambda: self._forward(size))
                reason = "" if is_close(replay(), hidden) else "their replay gives other numbers"
            except RuntimeError as error:  # a kernel that cannot be recorded
                reason = str(error).splitlines()[0]
            if reason:
                self._records = False
                self._graphs.clear()
                _warn(f"without CUDA graphs: {reason}")
        return hidden

    def _forward(self, size: int) -> Tensor:
        self.mask[:size].index_fill_(3, self.column, 0)
        output = self._model(
            input_ids=self.tokens[:size, None],
            attention_mask=self.mask[:size],
            position_ids=self.positions[:size, None],
            use_cache=True,
            **{name_cache(self._model): self._cache},
        )
        hidden: Tensor = output.last_hidden_state[:, -1]
        return hidden


@dataclass
class Memory:
    """What calls of `decode` with one prefix share: buffers and graphs, where they use any.

    trusted: whether rows in buffers gave the same numbers as rows in a growing cache, None before that was tried.
    """

    buffers: Buffers | None = field(default=None, repr=False)
    trusted: bool | None = None

    def lend(self, model: Any, like: Contexts, rows: int, columns: int) -> Buffers:
        """Return buffers that are large enough, those of the last call if they are."""
        if self.buffers is None or not self.buffers.holds(rows, columns):
            self.buffers = None  # frees the old ones first: both might not fit into memory
            self.buffers = Buffers(model, like, round_rows(rows), -(-columns // COLUMNS) * COLUMNS)
        return self.buffers

    def trusts(self, prefix: Prefix) -> bool:
        """Return whether a few steps of two short rows agree both ways; tried once."""
        if self.trusted is None:
            # Rows of unequal length, so that masks, padding and positions are tried too.
            rows = [TokenRow(0, (-1,) * 4, ()), TokenRow(prefix.labels - 1, (-1,), ())]
            both = GrowingRows(prefix, rows), StaticRows(prefix, rows, 3, Memory())
            for _ in range(3):  # the first step in buffers is recorded, the others are replayed
                for running in both:
                    running.step(torch.zeros(2, dtype=torch.long, device=running.hidden.device))
            growing, static = (running.hidden for running in both)
            self.trusted = is_close(static, growing)
            if not self.trusted:
                _warn("without buffers of fixed size: they give other numbers for this model")
        return self.trusted


class StaticRows:
    """Rows that are decoded together in buffers of fixed size, for at most `steps` steps."""

    hidden: Tensor

    def __init__(self, prefix: Prefix, rows: Sequence[TokenRow], steps: int, memory: Memory) -> None:
        buffers: Buffers | None = None
        for some in read_contexts(prefix, rows):
            width, places, sources = some.mask.shape[1], list(some.places), list(some.sources)
            if buffers is None:  # the longest contexts
                self._buffers = buffers = memory.lend(prefix.model, some, len(rows), width + steps)
                self.hidden = some.hidden.new_empty(len(rows), some.hidden.shape[1])
                buffers.mask.fill_(lowest := torch.finfo(buffers.mask.dtype).min)
                buffers.column.fill_(width)
            self.hidden[places], buffers.positions[places] = some.hidden[sources], some.positions[sources]
            mask = torch.where(some.mask[sources] > 0, 0, lowest)
            buffers.mask[places, 0, 0, :width] = mask.to(buffers.mask.dtype)
            for part, layer in zip(buffers.parts, some.cache.layers, strict=True):
                part[0][places, :, :width], part[1][places, :, :width] = layer.keys[sources], layer.values[sources]

    def keep(self, sources: Sequence[int], places: Sequence[int], count: int) -> None:
        """Copy the rows at `sources` to the `places` of rows that have left, then keep the first `count` rows."""
        buffers = self._buffers
        if sources:
            buffers.parts[:, :, places] = buffers.parts[:, :, sources]
            for part in (buffers.mask, buffers.positions):
                part[places] = part[sources]
        buffers.positions[count:] = 0  # rows that fill up a batch stay within the model's window

    def step(self, tokens: Tensor) -> None:
        """Let every row read its next token [B]."""
        buffers, count = self._buffers, len(tokens)
        buffers.tokens[:count] = tokens
        self.hidden = buffers.read(min(round_rows(count), len(buffers.tokens)))[:count]
        buffers.column += 1  # in place, as all changes to buffers: the graphs know only their addresses
        buffers.positions[:count] += 1


def _warn(how: str) -> None:
    warnings.warn(f"generator: decoding {how}", RuntimeWarning, stacklevel=3)
