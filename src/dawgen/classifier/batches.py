"""Batches of rows of like length: who shares one, padded how far."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dawgen.models.load import Backbone

# Padded tokens, prompts included, of one evaluation batch.
CPU_BUDGET = 1024  # the activations of this many fit into a core's caches
GPU_BUDGET = 8192

# The most padded tokens of one batch of a training step, and the cost of one more batch, in tokens. A CPU core is as
# fast with few rows as with many; on a GPU a small batch takes as long as the launch of its kernels, so one batch is
# best if it fits.
CPU_BATCH = (2048, 64)
GPU_BATCH = (16384, 16384)


def batch_rows(lengths: Sequence[int], device: str) -> list[list[int]]:
    """Return the row numbers of each batch of a step, from the rows' lengths in tokens and the type of device."""
    return split(lengths, *(CPU_BATCH if device == "cpu" else GPU_BATCH))


def choose_budget(device: str) -> int:
    """Return how many tokens an evaluation batch may have on a type of device."""
    return CPU_BUDGET if device == "cpu" else GPU_BUDGET


def bucket(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group row numbers by length: each group, padded to its longest row, holds at most `token_budget` tokens.

    A row longer than the budget gets a group of its own.
    """
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):  # longest first: memory peaks at once
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= token_budget:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def split(lengths: Sequence[int], token_budget: int, overhead: int) -> list[list[int]]:
    """Group row numbers by length so that padded tokens + overhead * groups are fewest, within the budget of `bucket`.

    overhead: what one more group costs, in tokens. Groups of rows sorted by length are best: cost(n) of the n longest
    rows is min over m < n of cost(m) + (n - m) * lengths[m] + overhead. Rows within a group stay in their order.
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    costs, starts = [0], [0]
    for end in range(1, len(order) + 1):
        tokens = [(end - start) * lengths[order[start]] for start in range(end)]
        fits = [start for start in range(end) if tokens[start] <= token_budget or start == end - 1]
        best = min(fits, key=lambda start: costs[start] + tokens[start])
        costs.append(costs[best] + tokens[best] + overhead)
        starts.append(best)
    groups: list[list[int]] = []
    end = len(order)
    while end:
        groups.insert(0, sorted(order[starts[end] : end]))
        end = starts[end]
    return groups


def pad(rows: Sequence[Sequence[int]], backbone: Backbone) -> tuple[Tensor, Tensor]:
    """Return ids and mask [B,T] on the model's device, padded on the right."""
    longest = max(len(row) for row in rows)
    fill = backbone.tokenizer.pad_token_id
    ids = [[*row, *[fill] * (longest - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    device = backbone.model.device
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
