"""The first-order exact meta-gradient of Algorithm 1, step (ii).

With the virtual step Q' = Q - alpha grad_Q L_DawGen(Q; W) and v = grad L_disc(Q'):
    dL_disc(Q')/dW = -alpha d/dW <grad_Q L_DawGen(Q; W), v>,
a directional derivative of the inner loss along v, so that no graph of the language model is differentiated twice.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from dawgen.generator.prefix import Q


class Encoding(NamedTuple):
    """What the inner loss needs of the language model: own-label log_probs [N] and states [M,N,H]."""

    log_probs: Tensor
    states: Tensor


Encode = Callable[[Q], Encoding]
Inner = Callable[[Encoding], Tensor]

_ad: Any = forward_ad  # torch gives its functions no types

# Step of the central difference as a share of |Q|, the best of those measured on random models of the four families:
# larger ones bend (error grows with the square), smaller ones drown in the rounding of the forward.
STEP = {torch.float64: 1e-5, torch.float32: 2e-4, torch.float16: 1e-3, torch.bfloat16: 4e-3}


def virtual_step(q: Q, loss: Tensor, rate: float) -> dict[str, Tensor]:
    """Return Q' = Q - rate * grad_Q loss as fresh leaves; the graph of `loss` is kept for the real update."""
    gradients = torch.autograd.grad(loss, list(q.values()), retain_graph=True, allow_unused=True)
    return {
        name: (value if gradient is None else value - rate * gradient).detach().requires_grad_()
        for (name, value), gradient in zip(q.items(), gradients, strict=True)
    }


def gradient_of(loss: Tensor, q: Q) -> dict[str, Tensor]:
    """Return grad_Q loss, zeros where the loss does not depend on a tensor of Q."""
    gradients = torch.autograd.grad(loss, list(q.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(q, gradients, strict=True))


def norm(q: Q) -> Tensor:
    """Return the Euclidean norm of all tensors of Q together."""
    length: Tensor = torch.cat([value.detach().float().flatten() for value in q.values()]).norm()
    return length


def differentiate_by_difference(encode: Encode, inner: Inner, q: Q, v: Q, *, step: float = 2e-4) -> Tensor:
    """Return <grad_Q inner, v> by central differences: two forwards without a graph; differentiable in the weights."""
    length = norm(v)
    if not length > 0:
        return torch.zeros((), device=length.device)
    size = float(step * norm(q) / length)
    with torch.no_grad():
        ahead = encode({name: value + size * v[name] for name, value in q.items()})
        behind = encode({name: value - size * v[name] for name, value in q.items()})
    return (inner(ahead) - inner(behind)) / (2 * size)


def differentiate_by_jvp(encode: Encode, inner: Inner, q: Q, v: Q) -> Tensor:
    """Return <grad_Q inner, v> by forward-mode differentiation; differentiable in the weights.

    Only the small graph from the encoding to the inner loss is differentiated twice. Attention runs on the MATH
    kernel: the fused ones have no forward-mode derivative.
    """
    with torch.no_grad(), _ad.dual_level(), sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        # torch 2.13 scripts its own forward-mode formulas at first use, and warns that scripting is deprecated
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
        duals = {name: _ad.make_dual(value.detach(), v[name]) for name, value in q.items()}
        pairs = [_ad.unpack_dual(tensor) for tensor in encode(duals)]
        points = [pair.primal for pair in pairs]
        tangents = [torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent for pair in pairs]
    leaves = [point.detach().requires_grad_() for point in points]
    gradients = torch.autograd.grad(
        inner(Encoding(*leaves)), leaves, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.stack([(g * t.detach()).sum() for g, t in zip(gradients, tangents, strict=True)]).sum()
