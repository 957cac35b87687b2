"""Alignment of sentences: L_dist = mean max(0, margin - D(s_i, s_same) + D(s_i, s_other)), s_i = sum_j W_j z_ij.

D is cosine similarity (inferred: only a similarity pulls rows of one label together; the paper prints "D").
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize


def represent(states: Tensor, weights: Tensor, rows: Tensor, size: int) -> Tensor:
    """Return unit sentence vectors [M,B,H] of token states [M,N,H] with weights [N] and row numbers [N]."""
    sums = states.new_zeros(states.shape[0], size, states.shape[2], dtype=torch.float32)
    return normalize(sums.index_add(1, rows, weights[:, None] * states.float()), dim=-1)


def alignment_loss(
    states: Tensor,
    weights: Tensor,
    rows: Tensor,
    labels: Tensor,
    *,
    margin: float = 1.0,
    reading: Literal["A", "B"] = "A",
) -> Tensor:
    """Return L_dist, a scalar, over all rows i and other rows j of i's label (paper, slide 6).

    states [M,N,H]: hidden states of the target tokens under the own label (M=1, reading A) or under all labels, own
    first (M=K, reading B). s_same is row j. s_other is every row of another label (reading A; inferred) or row j
    under every other label (reading B). labels [B].

    Raises:
        ValueError: no label has two rows, or there is nothing to compare with.
    """
    vectors = represent(states, weights, rows, len(labels))
    own = vectors[0]
    same = labels[:, None] == labels[None]
    near = own @ own.T
    if reading == "A":
        far = (own @ own.T)[:, None, :]  # [i,1,k]
        valid = (same & ~_diagonal(labels))[:, :, None] & ~same[:, None, :]
    else:
        far = torch.einsum("ih,djh->ijd", own, vectors[1:])
        valid = (same & ~_diagonal(labels))[:, :, None].expand_as(far)
    if not valid.any():
        raise ValueError("alignment needs two rows of a label and another label in the batch")
    hinge = (margin - near[:, :, None] + far).clamp(min=0)
    return hinge.expand(valid.shape)[valid].mean()


def _diagonal(labels: Tensor) -> Tensor:
    return torch.eye(len(labels), dtype=torch.bool, device=labels.device)
