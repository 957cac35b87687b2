"""Swaps slow layers of a frozen target for faster ones that compute the same formula.

transformers writes T5's tanh-GELU as eight element-wise operations and its norm x / sqrt(mean(x^2) + eps) * w as six;
each reads and writes all activations, and keeps some for the backward pass. PyTorch has each as one operation. Each
layer of a T5 encoder adds the same mask to the same position bias, [B,heads,S,S]: here the first layer does it for all.

A T5 decoder projects every encoder state h_s to key K h_s and value V h_s in each of its layers. If it decodes few
positions it is cheaper to project these instead: q.(K h_s) = (K^T q).h_s and sum_s a_s V h_s = V sum_s a_s h_s.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import NewGELUActivation
from transformers.models.t5.modeling_t5 import (
    T5Attention,
    T5LayerCrossAttention,
    T5LayerNorm,
    T5LayerSelfAttention,
)

from dawgen.models.cache import has_cache

FEW = 4  # decoded positions; the other way round costs less from about the size of a head on, 64

Attended = tuple[Tensor, Tensor | None, Tensor | None]  # output, position bias, attention weights


def fuse(model: nn.Module) -> None:
    """Swap the layers in place; parameters stay the same objects under the same names."""
    layer: Any
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is NewGELUActivation:
                swapped: nn.Module = nn.GELU(approximate="tanh")
            elif type(layer) is T5LayerNorm:
                swapped = nn.RMSNorm(len(layer.weight), eps=layer.variance_epsilon, device="meta")
                swapped.weight = layer.weight
            elif type(layer) is T5Attention and type(parent) is T5LayerCrossAttention:
                swapped = CrossAttention(layer)
            elif type(layer) is T5Attention and type(parent) is T5LayerSelfAttention and not layer.is_decoder:
                swapped = EncoderAttention(layer)
            else:
                continue
            setattr(parent, name, swapped.train(layer.training))


def unfuse(model: nn.Module) -> None:
    """Put the attentions back, in place: swapped ones read their matrices' weights past any adapter around them."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Around):
                setattr(parent, name, layer.plain[0].train(layer.training))


class Around(nn.Module):
    """A T5Attention with another forward; its parts keep their names."""

    def __init__(self, plain: Any) -> None:
        super().__init__()
        self.plain = [plain]  # in a list, so that no parameter has a second name
        for name, part in plain.named_children():
            self.add_module(name, part)


class EncoderAttention(Around):
    """T5's attention of encoder states [B,S,D] to themselves. Its position bias holds the mask as well."""

    def forward(
        self, hidden_states: Tensor, mask: Any = None, position_bias: Tensor | None = None, **options: Any
    ) -> Attended:
        """Return the output [B,S,D] and the bias [B,heads,S,S] or [1,heads,S,S], which the next layer is given."""
        plain = self.plain[0]
        if position_bias is None and plain.has_relative_attention_bias and isinstance(mask, Tensor | None):
            length = hidden_states.shape[1]
            position_bias = add_mask(plain.compute_bias(length, length, device=hidden_states.device), mask)
        attended: Attended = plain(
            hidden_states, mask=mask if position_bias is None else None, position_bias=position_bias, **options
        )
        return attended


class CrossAttention(Around):
    """T5's attention of decoded positions [B,Q,D] to encoder states [B,S,D]; no keys and values where Q is small.

    Without dropout there: the model is frozen.
    """

    q: nn.Linear
    k: nn.Linear
    v: nn.Linear
    o: nn.Linear

    def forward(
        self, hidden_states: Tensor, mask: Any = None, key_value_states: Any = None, **options: Any
    ) -> Attended:
        """Return the output [B,Q,D]; other arguments and results are T5Attention's."""
        plain = self.plain[0]
        few = hidden_states.shape[1] <= FEW and not has_cache(options)
        if not few or not isinstance(mask, Tensor | None):
            attended: Attended = plain(hidden_states, mask=mask, key_value_states=key_value_states, **options)
            return attended
        size = (hidden_states.shape[1], plain.n_heads)
        queries = self.q(hidden_states).unflatten(-1, (plain.n_heads, -1))  # [B,Q,heads,dh]
        keys, values = (matrix.weight.view(plain.n_heads, -1, matrix.in_features) for matrix in (self.k, self.v))
        # Positions and heads in one axis: a product that broadcasts would copy the states for every head.
        asked = torch.einsum("bqhe,hed->bqhd", queries, keys).flatten(1, 2)
        scores = (asked @ key_value_states.transpose(1, 2)).unflatten(1, size)  # [B,Q,heads,S]
        scores = add_mask(scores, None if mask is None else mask.transpose(1, 2))
        shares = scores.softmax(-1, dtype=torch.float32).to(scores.dtype).flatten(1, 2)
        seen = (shares @ key_value_states).unflatten(1, size)  # [B,Q,heads,D]
        answers = torch.einsum("bqhd,hed->bqhe", seen, values)
        return self.o(answers.flatten(2)), options.get("position_bias"), None


def add_mask(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return scores with the dtype's lowest number where a boolean mask is False, or plus a mask of such numbers."""
    if mask is None:
        return scores
    return torch.where(mask, scores, torch.finfo(scores.dtype).min) if mask.dtype == torch.bool else scores + mask
