"""Rows that were read up to where the answer begins, and may go on with many names: what was read is computed once.

A causal model keeps keys and values of [P;E], an encoder-decoder those of the encoder's states and of its decoder's
first inputs. A model that keeps anything else (sliding windows, recurrent states) reads each row again for each name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from dawgen.classifier import causal
from dawgen.classifier.seq2seq import find_begin
from dawgen.models.cache import name_cache, read_cache
from dawgen.models.load import Backbone

KEPT = 20  # numbers of the model's width that a layer keeps for each token: an estimate, for memory
# Families that take a mask [B,1,T,S] and each position's number as they are: they read all paths as one tree, in which
# a token sees its own beginning only. Others (ALiBi, relative positions) read each path as a row of a batch.
TREES = ("gpt2", "llama", "qwen2", "qwen3")


@dataclass(frozen=True)
class Context:
    """B rows that a model has read.

    state: [B,H], at the position that answers. mask: [B,S], of the positions that are seen. own, cross: keys and
    values layer by layer, [B,Hkv,S,dh] of a causal model, [B,Hkv,Q,dh] of a decoder's first inputs with [B,Hkv,S,dh]
    of the encoder's states. begin: the decoder's first inputs. inputs: [B,S,H], where nothing is kept: what the rows
    are read from again, embeddings or the encoder's states.
    """

    backbone: Backbone
    state: Tensor
    mask: Tensor
    own: tuple[Tensor, ...]
    cross: tuple[Tensor, ...] = ()
    begin: tuple[int, ...] = ()
    inputs: Tensor | None = None

    def take(self, rows: slice | Tensor) -> Context:
        """Return some of the rows."""
        return replace(
            self,
            state=self.state[rows],
            mask=self.mask[rows],
            own=tuple(part[rows] for part in self.own),
            cross=tuple(part[rows] for part in self.cross),
            inputs=None if self.inputs is None else self.inputs[rows],
        )

    @property
    def reads_trees(self) -> bool:
        """Whether all paths are read as one tree behind each row."""
        return bool(self.own) and self.backbone.model.config.model_type in TREES

    def weigh(self, tokens: int) -> int:
        """Return about how many bytes one row needs to go on with so many tokens, where a gradient is wanted."""
        model = self.backbone.model
        each = KEPT * self.state.shape[-1] * model.config.num_hidden_layers * self.state.element_size()
        again = 0 if self.inputs is None else self.inputs.shape[1]
        if self.reads_trees:
            return int(tokens * each)
        # Keys and values grow by a copy; heads that share them may copy them once more for each query head.
        groups = 1 + (model.config.num_attention_heads // self.own[0].shape[1] if self.own else 0)
        kept = sum(part[:1].numel() * part.element_size() for part in (*self.own, *self.cross))
        return int(kept * groups + (tokens + again) * each)


def read_causal(backbone: Backbone, inputs: Tensor, mask: Tensor, shared: Sequence[Tensor] = ()) -> Context:
    """Read rows with a causal model; arguments as of `causal.answer`."""
    states, kept = causal.read(backbone, inputs, mask, shared, keep=True)
    whole = None if kept else inputs
    return Context(backbone, causal.pick_last(states, mask), mask, tuple(kept or ()), inputs=whole)


def read_seq2seq(backbone: Backbone, inputs: Tensor, mask: Tensor, *, sentinel: bool = False) -> Context:
    """Read rows with an encoder-decoder up to [start], or to [start] <extra_id_0>; inputs: [B,S,H], mask: [B,S]."""
    model = backbone.model
    encoded = model.get_encoder()(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    begin = find_begin(backbone, sentinel=sentinel)
    start = torch.tensor([begin], device=mask.device).expand(len(mask), -1)
    options = {"encoder_hidden_states": encoded, "encoder_attention_mask": mask, "use_cache": True}
    output = model.get_decoder()(input_ids=start, **options)
    state, cache = output.last_hidden_state[:, -1], read_cache(output)
    if type(cache) is EncoderDecoderCache:
        parts = [causal.list_parts(part) for part in (cache.self_attention_cache, cache.cross_attention_cache)]
        if parts[0] and parts[1]:
            return Context(backbone, state, mask, tuple(parts[0]), tuple(parts[1]), begin)
    return Context(backbone, state, mask, (), begin=begin, inputs=encoded)


def go_on(context: Context, paths: Sequence[Sequence[int]]) -> Tensor:
    """Return the states [B,M,n,H] after each token of M paths behind each row; n: the longest path's tokens.

    What stands behind a shorter path's end means nothing.
    """
    rows, device = len(context.mask), context.mask.device
    longest = max(map(len, paths))
    ids = torch.tensor([[*path, *[0] * (longest - len(path))] for path in paths], device=device)
    if context.reads_trees:
        return _read_tree(context, [tuple(path) for path in paths])
    if context.inputs is not None:
        states = _read_again(context, ids)
    elif context.backbone.kind == "causal":
        inputs = context.backbone.model.get_input_embeddings()(ids.repeat(rows, 1))
        seen = torch.cat([_spread(context.mask, len(paths)), ids.new_ones(rows * len(paths), longest)], 1)
        own = [_spread(part, len(paths)) for part in context.own]
        states = causal.read(context.backbone, inputs, seen, own)[0]
    else:
        states = _decode(context, ids)
    return states.view(rows, len(paths), longest, -1)


def _spread(part: Tensor, times: int) -> Tensor:
    """Return each of B rows so many times in turn, [B*M,...]."""
    # expand, not indexing: its backward is a plain sum, the same bits on every run
    return part[:, None].expand(-1, times, *part.shape[1:]).flatten(0, 1)


def _read_tree(context: Context, paths: Sequence[tuple[int, ...]]) -> Tensor:
    """Read all paths at once, each shared beginning once; returns [B,M,n,H]."""
    nodes = sorted({path[:end] for path in paths for end in range(1, len(path) + 1)})
    places = {node: place for place, node in enumerate(nodes)}
    device, rows = context.mask.device, len(context.mask)
    sees = torch.zeros(len(nodes), len(nodes), dtype=torch.bool)
    for node, place in places.items():
        sees[place, [places[node[:end]] for end in range(1, len(node) + 1)]] = True
    before = context.mask.bool()[:, None].expand(-1, len(nodes), -1)
    seen = torch.cat([before, sees.to(device).expand(rows, -1, -1)], 2)[:, None]
    model = context.backbone.model
    mask = torch.zeros(seen.shape, dtype=model.dtype, device=device).masked_fill(~seen, torch.finfo(model.dtype).min)
    depths = torch.tensor([len(node) - 1 for node in nodes], device=device)
    ids = torch.tensor([node[-1] for node in nodes], device=device).expand(rows, -1)
    cache = DynamicCache(list(zip(context.own[::2], context.own[1::2], strict=True)), config=model.config)
    states = model.base_model(
        inputs_embeds=model.get_input_embeddings()(ids),
        attention_mask=mask,
        position_ids=context.mask.sum(1, keepdim=True) + depths,
        **{name_cache(model.base_model): cache, "use_cache": False},
    ).last_hidden_state
    longest = max(map(len, paths))
    chosen = [[places[path[: end + 1]] if end < len(path) else 0 for end in range(longest)] for path in paths]
    return states[:, torch.tensor(chosen, device=device)]  # type: ignore[no-any-return]


def _decode(context: Context, ids: Tensor) -> Tensor:
    """Go on in a decoder that has read `begin`; ids: [M,n]. Returns [B*M,n,H]."""
    decoder, (paths, rows) = context.backbone.model.get_decoder(), (len(ids), len(context.mask))
    parts = [[_spread(part, paths) for part in kept] for kept in (context.own, context.cross)]
    caches = [DynamicCache(list(zip(kept[::2], kept[1::2], strict=True))) for kept in parts]
    # The encoder's states are asked for, but not read: their keys and values are there.
    unread = context.state.new_zeros(1, 1, 1).expand(rows * paths, context.mask.shape[1], context.state.shape[-1])
    options = {name_cache(decoder): EncoderDecoderCache(*caches), "use_cache": False}
    mask = _spread(context.mask, paths)
    found: Tensor = decoder(
        input_ids=ids.repeat(rows, 1), encoder_hidden_states=unread, encoder_attention_mask=mask, **options
    ).last_hidden_state
    return found


def _read_again(context: Context, ids: Tensor) -> Tensor:
    """Read rows and paths as whole sequences; ids: [M,n]. Returns [B*M,n,H]."""
    assert context.inputs is not None
    model, mask, (paths, length) = context.backbone.model, context.mask, ids.shape
    if context.backbone.kind == "seq2seq":
        begun = torch.cat([ids.new_tensor([context.begin]).expand(paths, -1), ids], 1).repeat(len(mask), 1)
        encoded, seen = _spread(context.inputs, paths), _spread(mask, paths)
        states: Tensor = model.get_decoder()(
            input_ids=begun, encoder_hidden_states=encoded, encoder_attention_mask=seen, use_cache=False
        ).last_hidden_state
        return states[:, len(context.begin) :]
    # A row's padding goes behind the paths: positions and windows are then those of the row alone.
    ends = [int(line.nonzero().max()) + 1 for line in mask]
    names = model.get_input_embeddings()(ids)
    whole = [
        torch.cat([_spread(row[None, :end], paths), names, _spread(row[None, end:], paths)], 1)
        for row, end in zip(context.inputs, ends, strict=True)
    ]
    masks = [torch.cat([line[:end], line.new_ones(length), line[end:]]) for line, end in zip(mask, ends, strict=True)]
    states = causal.read(context.backbone, torch.cat(whole), _spread(torch.stack(masks), paths))[0]
    places = torch.tensor(ends, device=mask.device)[:, None] + torch.arange(length, device=mask.device)
    index = _spread(places, paths)[..., None].expand(-1, -1, states.shape[-1])
    return states.gather(1, index)
