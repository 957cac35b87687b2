"""Causal targets: a prompt's keys and values are computed once and shared by all rows behind it.

The prompt does not see the text, so they are the same in every row: [P;E] of B rows costs P + B*T positions instead of
B*(P+T), and the gradient of L_ce reaches the prompt through them, summed over the rows.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from dawgen.models.cache import name_cache, read_cache
from dawgen.models.load import Backbone


def prefill(backbone: Backbone, prompts: Tensor) -> list[Tensor] | None:
    """Return keys and values of prompts [G,P,H], layer by layer: key, value, key, value, ..., each [G,Hkv,P,dh].

    None if nothing can be shared: no prompt; an encoder-decoder, whose prompt attends to the text; or a model whose
    cache is not all keys and values (sliding windows, recurrent states).
    """
    if backbone.kind != "causal" or prompts.shape[1] == 0:
        return None
    model = backbone.model
    inputs = prompts.to(model.dtype, copy=True)  # CTRL scales its input in place
    return list_parts(read_cache(model.base_model(inputs_embeds=inputs, use_cache=True)))


def list_parts(cache: Any) -> list[Tensor] | None:
    """Return keys and values of a cache, layer by layer; None where it holds anything else."""
    if type(cache) is not DynamicCache or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    return [part for layer in cache.layers for part in (layer.keys, layer.values)]


def answer(backbone: Backbone, inputs: Tensor, mask: Tensor, shared: Sequence[Tensor] = ()) -> Tensor:
    """Return the state [B,H] at each row's last real position.

    inputs: [B,T,H]. mask: [B,P+T]. shared: keys and values of each row's prompt, [B,Hkv,P,dh]; empty where P = 0 or
    the prompt is part of the inputs.
    """
    return pick_last(read(backbone, inputs, mask, shared)[0], mask)


def read(
    backbone: Backbone, inputs: Tensor, mask: Tensor, shared: Sequence[Tensor] = (), *, keep: bool = False
) -> tuple[Tensor, list[Tensor] | None]:
    """Return the states [B,T,H] at all inputs, of which those that the mask hides mean nothing; see `answer`.

    keep: with the keys and values of all that was read, `shared` included, [B,Hkv,P+T,dh] each; None without, and where
    they cannot be shared.
    """
    model, length = backbone.model, inputs.shape[1]
    cache = DynamicCache(list(zip(shared[::2], shared[1::2], strict=True)), config=model.config) if shared else None
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -length:]
    options = {name_cache(model.base_model): cache, "use_cache": keep}
    output = model.base_model(inputs_embeds=inputs, attention_mask=mask, position_ids=positions, **options)
    return output.last_hidden_state, list_parts(read_cache(output)) if keep else None


def pick_last(states: Tensor, mask: Tensor) -> Tensor:
    """Return the state [B,H] at each row's last real position; states: [B,T,H], mask: [B,P+T]."""
    length = states.shape[1]
    last = (mask[:, -length:] * torch.arange(length, device=mask.device)).argmax(1)
    return states[torch.arange(len(states), device=states.device), last]
