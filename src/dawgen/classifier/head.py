"""The output head at chosen states: K rows of its matrix for label words, or all of them a block at a time."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from dawgen.models.load import Backbone

# Logits made at once: on a CPU as many as its caches hold, on a GPU enough to fill it with the largest vocabularies.
BLOCK = {"cpu": 2**22, "cuda": 2**27}


def score_words(backbone: Backbone, hidden: Tensor, word_ids: Sequence[int] | None = None) -> Tensor:
    """Return the words' logits [...,K] in float32 from last hidden states [...,H]: h @ head[word_ids].T (+ bias).

    word_ids: [K], each from the vocabulary; None for all of it.

    A T5 with `scale_decoder_outputs` multiplies h by d_model**-0.5 first, as its own head does.
    """
    config, head = backbone.model.config, backbone.model.get_output_embeddings()
    chosen = slice(None) if word_ids is None else torch.tensor(list(word_ids), device=hidden.device)
    if getattr(config, "scale_decoder_outputs", False):  # T5 family only
        hidden = hidden * config.d_model**-0.5
    logits: Tensor = (hidden @ head.weight[chosen].T).float()
    if head.bias is not None:
        logits = logits + head.bias[chosen].float()
    extra = getattr(backbone.model, "final_logits_bias", None)  # BART family only
    if extra is not None:
        logits = logits + extra[0, chosen].float()
    return logits


def total_words(backbone: Backbone, hidden: Tensor) -> Tensor:
    """Return log sum_v exp(logit_v) over the whole vocabulary, [N] in float32, at states [N,H].

    The logits are made a block at a time and not kept: the gradient in each state is found while they are there. A head
    that is trained itself keeps them.
    """
    weight = backbone.model.get_output_embeddings().weight
    size = max(1, BLOCK.get(hidden.device.type, BLOCK["cuda"]) // len(weight))
    blocks = torch.split(hidden, size)
    if not torch.is_grad_enabled() or weight.requires_grad:
        return torch.cat([score_words(backbone, block).logsumexp(-1) for block in blocks])
    total: Tensor = _Total.apply(hidden, backbone, size)  # type: ignore[no-untyped-call]
    return total


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, backbone: Backbone, size: int) -> Tensor:
        totals, slopes = [], []
        for block in torch.split(hidden, size):
            # hooks of its own: those of a checkpoint around this must not take part in the block's backward pass
            with torch.enable_grad(), saved_tensors_hooks(_keep, _keep):
                leaf = block.detach().requires_grad_()
                total = score_words(backbone, leaf).logsumexp(-1)
                slopes.append(torch.autograd.grad(total.sum(), leaf)[0])
            totals.append(total.detach())
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(totals)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (slopes,) = ctx.saved_tensors
        return (gradient[:, None] * slopes).to(slopes.dtype), None, None


def _keep(tensor: Tensor) -> Tensor:
    return tensor
