"""The first-order exact meta-gradient of Algorithm 1, step (ii).

With the virtual step Q' = Q - alpha grad_Q L_DawGen(Q; W) and v = grad L_disc(Q'):
    dL_disc(Q')/dW = -alpha d/dW <grad_Q L_DawGen(Q; W), v>,
a directional derivative of the inner loss along v, so that no graph of the language model is differentiated twice:
    <grad_Q L_DawGen, v> = <grad_E L_DawGen, J v>,  E(Q) what the loss reads of the model, J its Jacobian in Q,
where J v does not depend on W, and grad_E L_DawGen(W) is a small graph.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from dawgen.generator.prefix import Q

Run = Callable[[Q], Tensor]

_ad: Any = forward_ad  # torch gives its functions no types

# Step of the difference as a share of |Q|, for float32: smaller ones drown in the rounding of the forward, larger ones
# bend and cross the kinks of ReLU models. Measured against jvp, the error of J v is below 0.5 % on random models of the
# four families, and 1 to 2 % on the bundled CTRL, where a forward on the other side of Q as well would halve it.
STEP = 2e-5


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
    length: Tensor = torch.stack([value.detach().float().norm() for value in q.values()]).norm()
    return length


def differentiate_by_difference(run: Run, q: Q, v: Q, value: Tensor) -> Tensor:
    """Return J v of run(Q) in direction v from `value` = run(Q) and one more forward, without a graph; 0 for v = 0.

    For float32 only: half precision leaves an error of 20 % or more at any step.
    """
    size = STEP * norm(q) / norm(v).clamp(min=1e-30)
    with torch.no_grad():
        ahead = run({name: start + size * v[name] for name, start in q.items()})
        return (ahead - value) / size


def differentiate_by_jvp(run: Run, q: Q, v: Q) -> Tensor:
    """Return J v of run(Q) in direction v by forward-mode differentiation.

    Attention runs on the MATH kernel: the fused ones have no forward-mode derivative.
    """
    with torch.no_grad(), _ad.dual_level(), sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        # torch 2.13 scripts its own forward-mode formulas at first use, and warns that scripting is deprecated
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
        pair = _ad.unpack_dual(run({name: _ad.make_dual(value.detach(), v[name]) for name, value in q.items()}))
        tangent = torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent
    return tangent.float()


def differentiate_along(loss: Callable[..., Tensor], point: list[Tensor], tangents: list[Tensor]) -> Tensor:
    """Return <grad loss(point), tangents>, differentiable in the other inputs of the loss (the token weights)."""
    # New leaves cut the graph of the language model off: create_graph then covers the small graph of the loss alone.
    leaves = [value.detach().requires_grad_() for value in point]
    gradients = torch.autograd.grad(loss(*leaves), leaves, create_graph=True, allow_unused=True, materialize_grads=True)
    return torch.stack([(g * tangent).sum() for g, tangent in zip(gradients, tangents, strict=True)]).sum()
