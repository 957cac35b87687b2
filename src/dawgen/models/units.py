"""The scale of a model's input embeddings, in which rates of what is trained beside them are given."""

from typing import Any

import torch
from torch import Tensor

ROWS = 4096  # of the matrix at a time
DIGITS = 6  # the same number on every processor, however it adds up


def measure_reach(prompt: Tensor, unit: float) -> float:
    """Return the longest row of a prompt [P,H] in norms of an embedding: max_i |p_i| / (u sqrt(H)); 0 without rows."""
    return float(prompt.norm(dim=1).max()) / (unit * prompt.shape[1] ** 0.5) if len(prompt) else 0.0


@torch.no_grad()
def measure_unit(embedding: Any) -> float:
    """Return the standard deviation of all numbers of the input embeddings [V,H], in six digits.

    embedding: the model's module. What it gives counts, not its weights: some families multiply them first (by
    sqrt(H), say). Rows at zero are left out: padding, and rows that only fill the matrix up. Rows that training never
    reached keep what they began with; there are few. 1 where all rows are zero.
    """
    count, total, squares = 0, 0.0, 0.0
    device, size = embedding.weight.device, embedding.weight.shape[0]
    for begin in range(0, size, ROWS):
        rows = embedding(torch.arange(begin, min(begin + ROWS, size), device=device)).cpu().double()
        rows = rows[rows.any(1)]
        count += rows.numel()
        total += float(rows.sum())
        squares += float(rows.square().sum())
    variance = squares / count - (total / count) ** 2 if count else 0.0
    return float(f"{variance**0.5:.{DIGITS}g}") if variance > 0 else 1.0
