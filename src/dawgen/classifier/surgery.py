"""Gradient surgery on the real and the synthetic gradient of one step.

The paper's rule (`project`, Algorithm 2): g = g_r + eps * (g_s - min(0, g_s.g_r) / |g_r|^2 * g_r).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dawgen.config import Granularity
from dawgen.config import Surgery as Rule

GRADVAC_BETA = 0.5  # share of the newest cosine in the running target; TorchJD's default


@dataclass(frozen=True, slots=True)
class Operated:
    """The combined gradient, and the measurements of surgery.

    gradient: [P,H]. synthetic: the synthetic gradients after surgery, in the shape in which they came.
    cos: cosine of the two mean gradients. conflict: share of compared vectors with a negative dot product. removed:
    |g_s - g_s'| / |g_s| of the mean synthetic gradient before (g_s) and after (g_s') surgery.
    state: `gradvac`'s running cosine, an argument of the next step; None for the other rules.
    """

    gradient: Tensor
    synthetic: Tensor
    cos: float
    conflict: float
    norm_real: float
    norm_synthetic: float
    removed: float
    state: Tensor | None


def operate(
    real: Tensor,
    synthetic: Tensor,
    *,
    rule: Rule = "project",
    granularity: Granularity = "prompt",
    epsilon: float = 1.0,
    state: Tensor | None = None,
) -> Operated:
    """Combine the gradients of the real and the synthetic loss; neither tensor is changed.

    real: [P,H]. synthetic: [P,H], or [N,P,H] (one gradient per synthetic example) for granularity `example`.
    Compared are whole prompts (the paper), single prompt tokens, or each synthetic example with the mean real gradient;
    `example` operates first and averages then.
    The result is g_r' + epsilon * g_s', g_r' and g_s' from the rule, except for `agem`, whose result is g_s' alone.

    Raises:
        ValueError: shapes that do not fit the granularity.
    """
    expected = synthetic.shape[1:] if granularity == "example" else synthetic.shape
    if real.dim() != 2 or real.shape != expected:
        raise ValueError(
            f"expected gradients [P,H] and {'[N,P,H]' if granularity == 'example' else '[P,H]'}, "
            f"got {tuple(real.shape)} and {tuple(synthetic.shape)}"
        )
    if granularity == "token":
        left, right = real, synthetic
    else:
        left, right = real.reshape(1, -1), synthetic.reshape(-1, real.numel())
    if rule == "gradvac":
        new_right, state = vaccinate(left, right, state)
        new_left = left
    else:
        new_left, new_right = RULES[rule](left, right)
        state = None
    after = new_right.reshape(synthetic.shape)
    if granularity == "example":
        new_left, new_right, right_mean = new_left.mean(0), new_right.mean(0), right.mean(0)
    else:
        right_mean = right
    combined = new_right if rule == "agem" else new_left + epsilon * new_right
    before, norm = right_mean.flatten(), right_mean.norm()
    lost = (before - new_right.flatten()).norm() / torch.where(norm > 0, norm, torch.ones_like(norm))
    angle = cosine(real.reshape(1, -1), before.reshape(1, -1))[0, 0]
    share = (_dot(left, right) < 0).to(norm.dtype).mean()
    # all numbers in one copy: each copy from a GPU waits for it
    cos, conflict, norm_real, norm_synthetic, removed = torch.stack([angle, share, real.norm(), norm, lost]).tolist()
    return Operated(combined.reshape(real.shape), after, cos, conflict, norm_real, norm_synthetic, removed, state)


def add(real: Tensor, synthetic: Tensor) -> tuple[Tensor, Tensor]:
    """`none`: both gradients as they are."""
    return real, synthetic


def project(real: Tensor, synthetic: Tensor) -> tuple[Tensor, Tensor]:
    """`project`: remove from g_s the part that opposes g_r, keep g_r (paper, Algorithm 2). Vectors in the last axis."""
    return real, remove_conflict(synthetic, real)


def project_both(real: Tensor, synthetic: Tensor) -> tuple[Tensor, Tensor]:
    """`pcgrad`: each gradient loses the part that opposes the other's original (Yu et al. 2020, Algorithm 1)."""
    return remove_conflict(real, synthetic), remove_conflict(synthetic, real)


def drop(real: Tensor, synthetic: Tensor) -> tuple[Tensor, Tensor]:
    """`drop`: a synthetic gradient that conflicts counts as zero."""
    return real, torch.where(_dot(synthetic, real) < 0, torch.zeros_like(synthetic), synthetic)


RULES: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "none": add,
    "project": project,
    "agem": project,  # A-GEM (Chaudhry et al. 2019): the same projection, with the real gradient as reference only
    "pcgrad": project_both,
    "drop": drop,
}


def remove_conflict(vector: Tensor, reference: Tensor) -> Tensor:
    """Return v - min(0, v.u) u with u = reference / |reference|, along the last axis; v itself where reference = 0."""
    norm = reference.norm(dim=-1, keepdim=True)
    unit = reference / torch.where(norm > 0, norm, torch.ones_like(norm))
    return vector - _dot(vector, unit).clamp(max=0) * unit


def vaccinate(
    real: Tensor, synthetic: Tensor, state: Tensor | None, *, beta: float = GRADVAC_BETA
) -> tuple[Tensor, Tensor]:
    """`gradvac`: turn g_s towards g_r until their cosine is the running mean of past cosines (Wang et al. 2021, eq. 3).

    g_s' = g_s + |g_s| (t sqrt(1-c^2) - c sqrt(1-t^2)) / (|g_r| sqrt(1-t^2)) * g_r   where c = cos(g_s, g_r) < t.
    One-directional as the paper's rule is: the real gradient stays. Returns g_s' and the new state
    (1-beta) t + beta c, averaged over the compared vectors when their number differs from step to step; it starts at 0.
    """
    shared = real.shape[0] == 1  # whole prompts or single examples: one target; single tokens: one for each
    target = state if state is not None else real.new_zeros(1 if shared else real.shape[0], 1)
    cos = cosine(synthetic, real)
    norm_real, norm = real.norm(dim=-1, keepdim=True), synthetic.norm(dim=-1, keepdim=True)
    target_sin = (1 - target**2).clamp(min=1e-12).sqrt()
    turn = norm * (target * (1 - cos**2).clamp(min=0).sqrt() - cos * target_sin)
    scale = turn / torch.where(norm_real > 0, norm_real * target_sin, torch.ones_like(norm_real))
    turned = torch.where((cos < target) & (norm_real > 0), synthetic + scale * real, synthetic)
    seen = cos.mean(0, keepdim=True) if shared else cos
    return turned, (1 - beta) * target + beta * seen


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine along the last axis, which is kept with size 1; 0 where a vector is zero."""
    norms = a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True)
    return torch.where(norms > 0, _dot(a, b) / torch.where(norms > 0, norms, torch.ones_like(norms)), 0.0 * norms)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True)
