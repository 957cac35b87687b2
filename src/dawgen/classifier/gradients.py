"""Gradients of L_ce(P) = -E log Pr_theta([MASK] = y | [P;E]) for several groups of rows, in one sweep over the rows."""

import itertools
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from dawgen.classifier.batches import batch_rows
from dawgen.classifier.scorer import Ids, Scorer
from dawgen.models.attention import ease_attention


def differentiate(
    scorer: Scorer,
    prompt: Tensor,
    ids: Ids,
    labels: Sequence[int],
    counts: Sequence[int],
    *,
    smoothing: float = 0.0,
    row_weights: Sequence[float] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return gradients [G,P,H] of the mean loss of each group of rows, and the rows' losses [B].

    prompt: [P,H]. counts: how many consecutive rows share each of the G prompt copies. The loss is the cross-entropy
    over label words, `measure_losses`, with this label smoothing. row_weights: by which each row's share of the
    gradient is multiplied, [B]; the losses that are returned are without them.
    Every row goes through the model once, in batches of similar length that mix the groups: each group has its own copy
    of the prompt, so that one backward pass gives the gradients of all groups separately.
    """
    copies = prompt.detach().expand(len(counts), -1, -1).clone().requires_grad_()
    attention = partial(ease_attention, scorer.backbone.model)
    with attention():
        shared = scorer.prefill(copies)
    # With shared keys and values the rows' graphs end at them, so that each batch can free its own; the graph from the
    # prompts to them is walked once, at the end, with the summed gradients.
    leaves = [copies] if shared is None else [part.detach().requires_grad_() for part in shared]
    sums = [torch.zeros_like(leaf) for leaf in leaves]
    groups = [group for group, count in enumerate(counts) for _ in range(count)]
    device = copies.device
    targets = torch.tensor(list(labels), device=device)
    # 1 / count: the gradient of a copy is then that of the mean loss of its group, in whatever batches its rows are.
    weights = torch.tensor([1 / counts[group] for group in groups], device=device)
    if row_weights is not None:
        weights = weights * torch.tensor(list(row_weights), device=device)
    losses = torch.zeros(len(ids), device=device)
    lengths = [scorer.weigh(row, len(prompt)) if shared is None else len(row) for row in ids]
    for rows in batch_rows(lengths, device.type):
        # `split` keeps the rows of a batch in their order, so the rows of a group are neighbours.
        sizes = [(group, len(list(same))) for group, same in itertools.groupby(rows, key=groups.__getitem__)]
        # expand, not indexing: its backward is a plain sum, the same bits on every run
        fronts = [torch.cat([leaf[group].expand(size, *leaf.shape[1:]) for group, size in sizes]) for leaf in leaves]
        tokens = [ids[row] for row in rows]
        with attention():
            scores = scorer.score_batch(tokens, fronts[0]) if shared is None else scorer.score_behind(tokens, fronts)
        part = measure_losses(scores, targets[rows], smoothing)
        for total, gradient in zip(sums, torch.autograd.grad((part * weights[rows]).sum(), leaves), strict=True):
            total += gradient
        losses[rows] = part.detach()
    if shared is not None:
        sums = list(torch.autograd.grad(shared, copies, sums))
    return sums[0], losses


def measure_losses(scores: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return (1-s) * (-log p_y) + s * mean_k(-log p_k) of each row, [B].

    scores: label log-probabilities [B,K]. targets: label numbers [B]. smoothing: s in [0, 1).
    """
    own = scores.gather(1, targets[:, None])[:, 0]
    return -(1 - smoothing) * own - smoothing * scores.mean(1)
