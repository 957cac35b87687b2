"""Alignment of sentences: L_dist = mean max(0, margin - D(s_i, s_same) + D(s_i, s_other)), s_i = sum_j W_j z_ij.

D is cosine similarity (inferred: only a similarity pulls rows of one label together; the paper prints "D").
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot


def represent(states: Tensor, weights: Tensor, rows: Tensor, size: int) -> Tensor:
    """Return unit sentence vectors [M,B,H] of token states [M,N,H] with weights [N] and row numbers [N]."""
    pool = one_hot(rows, size).T * weights  # a product: adding up by index has no fixed order on a GPU
    return normalize(pool @ states.float(), dim=-1)


def compare(labels: Tensor, reading: Literal["A", "B"] = "A", *, others: int = 1) -> Tensor:
    """Return which triples (i, same, other) count, a bool [B,B,F], for labels [B].

    Reading A: F = B, every row of another label (inferred). Reading B: F = `others`, row j under each
    label that it is held against.

    Raises:
        ValueError: no label has two rows, or there is nothing to compare with.
    """
    same = labels[:, None] == labels[None]
    near = (same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device))[:, :, None]
    triples = near & ~same[:, None, :] if reading == "A" else near.expand(-1, -1, others)
    if not triples.any():
        raise ValueError("alignment needs two rows of a label and another label in the batch")
    return triples


def alignment_loss(
    states: Tensor,
    weights: Tensor,
    rows: Tensor,
    triples: Tensor,
    *,
    margin: float = 1.0,
    reading: Literal["A", "B"] = "A",
) -> Tensor:
    """Return L_dist, a scalar, over the `triples` that count (paper, slide 6).

    states [M,N,H]: hidden states of the target tokens under the own label (M=1, reading A) or under all labels that it
    is held against too, own first (reading B). triples [B,B,F] of `compare`.
    """
    vectors = represent(states, weights, rows, len(triples))
    own = vectors[0]
    near = own @ own.T
    far = near[:, None, :] if reading == "A" else torch.einsum("ih,djh->ijd", own, vectors[1:])
    hinge = (margin - near[:, :, None] + far).clamp(min=0)
    return (hinge * triples).sum() / triples.sum()
