"""Log-likelihood of target tokens at a language-model head, without keeping logits: they are made a block at a time.

log p_j = s_j . w_{x_j} + b_{x_j} - log sum_v exp(s_j . w_v + b_v). Each log p_j depends on its own state alone, so its
gradient in the state is found while the logits are there, and serves every backward pass through the graph afterwards.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

# Logits made at once: on a CPU as many as its caches hold, on a GPU enough to fill it with the largest vocabularies.
BLOCK = {"cpu": 2**22, "cuda": 2**27}


class Likelihood(NamedTuple):
    """log_probs [N], differentiable; by_state [N,H] and by_end [N], the derivatives of each of them in its own state
    and in the logit of the learned end token, constants; None where no gradient was asked for."""

    log_probs: Tensor
    by_state: Tensor | None
    by_end: Tensor | None


def target_likelihood(states: Tensor, head: nn.Linear, end: Tensor | None, targets: Tensor) -> Likelihood:
    """Return the log-probabilities, in float32, of targets [N] at states [N,H].

    end [H]: output embedding of one more token, numbered V, None where the head [V,H] knows all. The head is frozen:
    gradient goes to the states and to `end`.
    """
    if torch.is_grad_enabled() and (states.requires_grad or (end is not None and end.requires_grad)):
        return Likelihood(*_apply(states, end, head.weight, head.bias, targets))
    with torch.no_grad():
        return Likelihood(_score(states, end, head.weight, head.bias, targets)[0], None, None)


def _score(
    states: Tensor, end: Tensor | None, weight: Tensor, bias: Tensor | None, targets: Tensor, *, slopes: bool = False
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return log_probs [N] and, with `slopes`, by_state [N,H] and by_end [N]."""
    log_probs, by_state, by_end = [], [], []
    size = max(1, BLOCK.get(states.device.type, BLOCK["cpu"]) // len(weight))
    for block, wanted in zip(torch.split(states, size), torch.split(targets, size), strict=True):
        logits = nn.functional.linear(block, weight, bias).float()
        if end is not None:
            logits = torch.cat([logits, block.float() @ end[:, None]], dim=1)
        total = logits.logsumexp(1)
        log_probs.append(logits.gather(1, wanted[:, None]).squeeze(1) - total)
        if not slopes:
            continue
        # softmax minus one-hot is minus the derivative of log_probs in the logits; in place, since logits are large
        shares = logits.sub_(total[:, None]).exp_()
        shares.scatter_add_(1, wanted[:, None], -torch.ones_like(total)[:, None])
        gradient = shares[:, : len(weight)].to(weight.dtype) @ weight
        if end is not None:
            by_end.append(-shares[:, -1])
            gradient = gradient + (shares[:, -1:] * end).to(weight.dtype)
        by_state.append(-gradient)
    return torch.cat(log_probs), torch.cat(by_state) if slopes else None, torch.cat(by_end) if by_end else None


class _TargetLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, end: Tensor | None, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> Any:
        log_probs, by_state, by_end = _score(states, end, weight, bias, targets, slopes=True)
        ctx.save_for_backward(states if end is not None else None, by_state, by_end)
        ctx.mark_non_differentiable(*[tensor for tensor in (by_state, by_end) if tensor is not None])
        return log_probs, by_state, by_end

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> Any:
        states, by_state, by_end = ctx.saved_tensors
        of_states = (gradient[:, None] * by_state).to(by_state.dtype) if ctx.needs_input_grad[0] else None
        of_end = (gradient * by_end) @ states.float() if ctx.needs_input_grad[1] else None
        return of_states, of_end, None, None, None


_apply: Any = _TargetLikelihood.apply  # torch gives it no types
