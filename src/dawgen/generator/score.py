"""Log-likelihoods of texts that are there, under several labels, in passes of bounded size."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dawgen.generator.codec import TokenRow, collate
from dawgen.generator.prefix import Prefix

SCORE_ROWS = 64  # most texts of a pass
# Most positions of a pass, prefixes included. Every position holds its keys and values for the length of the pass, with
# 135 M parameters 46 kB of them; with as many labels as there may be, this is what bounds the memory.
PASS_TOKENS = {"cpu": 2**15, "cuda": 2**19}


def score_rows(prefix: Prefix, rows: Sequence[TokenRow], held: Tensor) -> NDArray[np.float64]:
    """Return log p(target | context, Q_l) [N,M] in nats, of row i under the labels held[own label] of `held` [K,M]."""
    scores = np.zeros((len(rows), held.shape[1]))
    lengths = [len(row.context) + len(row.target) for row in rows]  # rows of one length need no padding
    order = sorted(range(len(rows)), key=lengths.__getitem__)
    device = prefix.model.device.type
    for some, labels in cut_passes([lengths[i] for i in order], held.shape[1], prefix.length, device):
        chosen = order[some]
        found = _score_pass(prefix, [rows[i] for i in chosen], held[:, labels])
        scores[np.ix_(chosen, range(held.shape[1])[labels])] = found
    return scores


def cut_passes(lengths: Sequence[int], labels: int, prefix: int, device: str) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and the labels of each pass, for rows of these lengths, shortest first, under so many labels."""
    budget = PASS_TOKENS["cpu" if device == "cpu" else "cuda"]
    start = 0
    while start < len(lengths):
        end = start + 1
        while (
            end < min(len(lengths), start + SCORE_ROWS)
            and (end + 1 - start) * labels * (prefix + lengths[end]) <= budget
        ):
            end += 1
        # A single row under very many labels may be too much by itself.
        size = max(1, min(labels, budget // ((end - start) * (prefix + lengths[end - 1]))))
        for first in range(0, labels, size):
            yield slice(start, end), slice(first, min(labels, first + size))
        start = end


@torch.no_grad()
def _score_pass(prefix: Prefix, rows: Sequence[TokenRow], held: Tensor) -> NDArray[np.float64]:
    batch = collate(rows, prefix.model.device).under(held)
    log_probs = prefix.log_probs(prefix.states(batch), batch.targets).double()
    sums = log_probs.new_zeros(held.shape[1] * len(rows)).index_add(0, batch.rows, log_probs)
    return np.asarray(sums.view(held.shape[1], -1).T.cpu().numpy())
