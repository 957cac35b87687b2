"""The prompt behind the text: what a frozen model keeps of a text is constant, so that a step reads the prompt only.

A causal model reads [E(front); E(text)] and keeps keys and values; then [P; E(tail)] behind it, in which the last state
answers. An encoder reads the bare text, of which the decoder's cross-attention keeps keys and values; then the decoder
reads [E(start); P; E(sentinel)]. Both are [2L,Hkv,T,dh] for a text, layer by layer: key, value, key, ...
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from dawgen.classifier import causal
from dawgen.classifier.batches import bucket, choose_budget, pad
from dawgen.classifier.context import Context
from dawgen.classifier.seq2seq import find_begin
from dawgen.errors import ConfigError
from dawgen.models.cache import name_cache, read_cache
from dawgen.models.load import Backbone

# Families without position numbers that take distances from the mask, so that padding in the middle does not count.
MASKED = ("bloom",)


@dataclass(frozen=True)
class Reading:
    """B texts that were read. kept: keys and values, [B,Hkv,T,dh] each, layer by layer. mask: [B,T]."""

    kept: tuple[Tensor, ...]
    mask: Tensor


def check_behind(backbone: Backbone) -> None:
    """Raise ConfigError where the prompt cannot stand behind a text that was read before, bit for bit the same."""
    model = backbone.model
    placed = "position_ids" in inspect.signature(type(model.base_model).forward).parameters
    if backbone.kind == "seq2seq" or placed or model.config.model_type in MASKED:
        parts = _read(backbone, torch.zeros(1, 2, dtype=torch.long, device=model.device), None)
        if parts and len({part.shape for part in parts}) == 1:
            return
    raise ConfigError(
        f"target.placement behind: expected a model that keeps keys and values of a whole text in every layer, "
        f"{backbone.name} ({model.config.model_type}) does not.\nSet target.placement to before."
    )


def read_together(backbone: Backbone, ids: Tensor, mask: Tensor) -> Reading:
    """Read padded rows, ids and mask [B,T], in one pass, without gradient."""
    parts = _read(backbone, ids, mask)
    assert parts is not None  # `check_behind`
    return Reading(tuple(parts), mask)


def read_apart(backbone: Backbone, rows: Sequence[Sequence[int]], *, alone: bool = True) -> list[Tensor]:
    """Return [2L,Hkv,T,dh] of each row, without gradient.

    alone: on a CPU each is read alone: its bits do not depend on other rows, so that a resumed training, or one with
    other methods before it, ends in the same bytes. A GPU would take as long for a row as for many.
    """
    device, found = backbone.model.device, dict[int, Tensor]()
    groups = [[row] for row in range(len(rows))]
    if not alone or device.type != "cpu":
        groups = bucket([len(row) for row in rows], choose_budget(device.type))
    for group in groups:
        reading = read_together(backbone, *pad([rows[row] for row in group], backbone))
        for place, row in enumerate(group):
            found[row] = torch.stack([part[place, :, : len(rows[row])] for part in reading.kept])
    return [found[row] for row in range(len(rows))]


def gather(parts: Sequence[Tensor], device: torch.device) -> Reading:
    """Return rows of [2L,Hkv,T_i,dh] as a batch on a device, padded on the right with zeros."""
    layers, heads, _, size = parts[0].shape
    lengths = [part.shape[2] for part in parts]
    kept = torch.empty(layers, len(parts), heads, max(lengths), size, dtype=parts[0].dtype, device=device)
    for row, (part, length) in enumerate(zip(parts, lengths, strict=True)):
        kept[:, row, :, :length] = part
        kept[:, row, :, length:] = 0  # hidden, but it must be a number
    places = torch.arange(max(lengths), device=kept.device)
    mask = (places < torch.tensor(lengths, device=kept.device)[:, None]).long()
    return Reading(kept.unbind(0), mask)


def make_inputs(backbone: Backbone, prompts: Tensor, tail: Sequence[int], *, sentinel: bool = False) -> Tensor:
    """Return what is read behind a text, [B,Q,H]: [P; E(tail)], or [E(start); P; E(sentinel)] of a decoder.

    prompts: [B,P,H].
    """
    model, rows = backbone.model, len(prompts)
    module = model.get_input_embeddings() if backbone.kind == "causal" else model.get_decoder().get_input_embeddings()
    front = () if backbone.kind == "causal" else find_begin(backbone, sentinel=sentinel)
    behind = tail if backbone.kind == "causal" else front[1:]
    parts = [prompts.to(model.dtype)]
    if front:
        parts.insert(0, _embed(module, front[:1], rows, prompts.device))
    if behind:
        parts.append(_embed(module, behind, rows, prompts.device))
    return torch.cat(parts, 1)  # a copy, also of one part: CTRL scales its input in place


def ask(backbone: Backbone, reading: Reading, inputs: Tensor, seen: Tensor | None = None) -> Context:
    """Read inputs [B,Q,H] behind texts, Q at least 1; returns the rows as a context that may go on with names.

    seen: [B,Q], of inputs padded on the right; None where all are seen.
    """
    seen = reading.mask.new_ones(inputs.shape[:2]) if seen is None else seen
    if backbone.kind == "causal":
        mask = torch.cat([reading.mask, seen], 1)
        states, own = causal.read(backbone, inputs, mask, reading.kept, keep=True)
        return Context(backbone, causal.pick_last(states, mask), mask, tuple(own or ()))
    decoder = backbone.model.get_decoder()
    cross = DynamicCache(list(zip(reading.kept[::2], reading.kept[1::2], strict=True)))
    cache = EncoderDecoderCache(DynamicCache(), cross)
    # The encoder's states are asked for, but not read: their keys and values are there.
    unread = inputs.new_zeros(1, 1, 1).expand(len(inputs), reading.mask.shape[1], _width(backbone))
    states = decoder(
        inputs_embeds=inputs,
        encoder_hidden_states=unread,
        encoder_attention_mask=reading.mask,
        **{name_cache(decoder): cache, "use_cache": False},
    ).last_hidden_state
    state = causal.pick_last(states, seen)
    own = causal.list_parts(cache.self_attention_cache)
    return Context(backbone, state, reading.mask, tuple(own or ()), reading.kept)


@torch.no_grad()
def _read(backbone: Backbone, ids: Tensor, mask: Tensor | None) -> list[Tensor] | None:
    """Return keys and values [B,Hkv,T,dh] of a text, layer by layer; None where the model keeps anything else."""
    model = backbone.model
    mask = torch.ones_like(ids) if mask is None else mask
    inputs = model.get_input_embeddings()(ids)
    if backbone.kind == "causal":
        return causal.read(backbone, inputs, mask, keep=True)[1]
    encoded = model.get_encoder()(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    start = torch.full_like(ids[:, :1], find_begin(backbone, sentinel=False)[0])
    output = model.get_decoder()(
        input_ids=start, encoder_hidden_states=encoded, encoder_attention_mask=mask, use_cache=True
    )
    cache = read_cache(output)
    return causal.list_parts(cache.cross_attention_cache) if type(cache) is EncoderDecoderCache else None


def _embed(module: torch.nn.Module, ids: Sequence[int], rows: int, device: torch.device) -> Tensor:
    found: Tensor = module(torch.tensor(list(ids), device=device))
    return found.expand(rows, -1, -1)


def _width(backbone: Backbone) -> int:
    return int(backbone.model.get_input_embeddings().embedding_dim)
