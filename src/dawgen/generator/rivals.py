"""Which labels a label's texts are held against where there are too many for all: those that are nearest to it."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize


@torch.no_grad()
def choose_rivals(model: Any, texts: Sequence[Sequence[Sequence[int]]], most: int) -> Tensor | None:
    """Return the `most` labels [K,M] int64 that are most similar to each, the most similar first; None where K - 1 is
    not more than that, so that all are.

    texts: token ids of each label's texts, negative where learned. A label is the mean input embedding of its tokens,
    less the mean of all labels; similarity is the cosine. Nothing runs through the model.
    """
    count = len(texts)
    if count <= most + 1:
        return None
    embed = model.get_input_embeddings().weight
    centres = torch.stack([_find_centre(embed, [*chain.from_iterable(rows)]) for rows in texts]).double().cpu()
    units = normalize(centres - centres.mean(0), dim=1)
    alike = (units @ units.T).fill_diagonal_(-torch.inf)
    # Stable, so that of labels that are as similar (none has a text of its own) the first come first.
    return alike.argsort(dim=1, descending=True, stable=True)[:, :most].contiguous().to(embed.device)


def _find_centre(embed: Tensor, ids: Sequence[int]) -> Tensor:
    known = [token for token in ids if 0 <= token < len(embed)]
    if not known:
        return embed.new_zeros(embed.shape[1]).float()
    return embed[torch.tensor(known, device=embed.device)].float().mean(0)
