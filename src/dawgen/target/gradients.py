"""Gradients of L_ce(P) = -E log Pr_theta([MASK] = y | [P;E]) for several groups of rows in one forward and backward."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dawgen.backbones.load import Backbone
from dawgen.config import TargetConfig
from dawgen.target.score import pad, score_batch


def differentiate(
    backbone: Backbone,
    prompt: Tensor,
    word_ids: Sequence[int],
    ids: Sequence[Sequence[int]],
    labels: Sequence[int],
    counts: Sequence[int],
    config: TargetConfig,
) -> tuple[Tensor, Tensor]:
    """Return gradients [G,P,H] of the mean loss of each group of rows, and the rows' losses [B], in one pass.

    prompt: [P,H]. counts: how many consecutive rows share each of the G prompt copies. The loss is the cross-entropy
    over label words; with label smoothing s it is (1-s) * (-log p_y) + s * mean_k(-log p_k).
    """
    copies = prompt.detach().expand(len(counts), -1, -1).clone().requires_grad_()
    # expand, not indexing: its backward is a plain sum, the same bits on every run
    prompts = torch.cat([copy.expand(count, -1, -1) for copy, count in zip(copies, counts, strict=True)])
    tokens, mask = pad(ids, backbone)
    scores = score_batch(backbone, tokens, mask, word_ids, prompts, decoder_sentinel=config.decoder_sentinel)
    targets = torch.tensor(list(labels), device=scores.device)
    own, smoothing = scores.gather(1, targets[:, None])[:, 0], config.label_smoothing
    losses = -(1 - smoothing) * own - smoothing * scores.mean(1)
    weights = torch.tensor([1 / count for count in counts for _ in range(count)], device=losses.device)
    (gradients,) = torch.autograd.grad((losses * weights).sum(), copies)
    return gradients, losses.detach()
