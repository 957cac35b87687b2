"""The score of label words of several tokens: log Pr_theta(w_1 ... w_n | [P;E]) of each, by the chain rule.

Names that begin alike share their beginning: all names are one tree, whose edges are tokens. An edge's log-probability
is over the whole vocabulary, at the state of the edge's beginning; the root is the state that answers. The beginnings
are computed as `paths`, behind a context that is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from dawgen.classifier.batches import bucket
from dawgen.classifier.context import Context, go_on
from dawgen.classifier.head import score_words, total_words
from dawgen.prompt.label_words import Ids

# Bytes of one chunk of rows and paths. With more than one chunk, each is computed again for its gradient.
ROOM = {"cpu": 2**31, "cuda": 2**33}


@dataclass(frozen=True)
class Tree:
    """The names of K labels as one tree.

    paths: what has to be read behind a context, none of them the beginning of another, longest first. edges: the
    root's (position 0, token), then those of each path, (position of the state, token); each edge is there once.
    lines: the edges of each label, numbered in this order.
    """

    paths: tuple[tuple[int, ...], ...]
    edges: tuple[tuple[tuple[int, int], ...], ...]
    lines: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """How many tokens are read behind each row: those of all paths, each shared beginning once."""
        return len({path[:end] for path in self.paths for end in range(1, len(path) + 1)})


def rate(steps: Tensor, sizes: Tensor) -> Tensor:
    """Return label log-probabilities [B,K] from those of the names' tokens: log softmax_k of (1/n_k) sum_i log p_ki.

    steps: [B,K,n], 0 behind a name's end. sizes: [K], the tokens n_k. The mean per token lets a name neither win nor
    lose by its length: the sum would give every name that begins another a better score than the longer one.
    """
    return torch.log_softmax(steps.sum(-1) / sizes, -1)


def score_names(context: Context, ids: Ids) -> Tensor:
    """Return label log-probabilities [B,K] in float32 of names of any length, by the formula of `rate`.

    ids: token ids of each name, all different. Gradient flows into the context.
    """
    tree = plant(ids)
    steps = _follow(context, tree)
    steps = torch.cat([steps, steps.new_zeros(len(steps), 1)], 1)  # the last column fills the lines
    longest = max(map(len, tree.lines))
    lines = [[*line, *[-1] * (longest - len(line))] for line in tree.lines]
    sizes = torch.tensor([len(line) for line in tree.lines], device=steps.device)
    return rate(steps[:, torch.tensor(lines, device=steps.device) % steps.shape[1]], sizes)


@lru_cache(maxsize=256)
def plant(ids: Ids) -> Tree:
    """Return the tree of names; the order of paths and edges does not depend on that of the labels."""
    inner = sorted({name[:end] for name in ids for end in range(1, len(name))})
    # sorted, so that what goes on with a beginning stands right behind it
    leaves = [path for path, after in pairwise([*inner, ()]) if after[: len(path)] != path]
    paths = sorted(leaves, key=len, reverse=True)
    states: dict[tuple[int, ...], tuple[int, int]] = {(): (0, 0)}
    for number, path in enumerate(paths, 1):
        for end in range(1, len(path) + 1):
            states.setdefault(path[:end], (number, end - 1))
    beginnings = {name[: end + 1] for name in ids for end in range(len(name))}
    edges = sorted((*states[part[:-1]], part[-1]) for part in beginnings)
    places = {edge: place for place, edge in enumerate(edges)}
    lines = tuple(tuple(places[(*states[name[:end]], name[end])] for end in range(len(name))) for name in ids)
    grouped = tuple(
        tuple((place, token) for owner, place, token in edges if owner == number) for number in range(len(paths) + 1)
    )
    return Tree(tuple(paths), grouped, lines)


def _follow(context: Context, tree: Tree) -> Tensor:
    """Return the log-probabilities [B,E] of all edges in their order."""
    root = _score_edges(context, context.state[:, None], tree.edges[0])
    if not tree.paths:
        return root
    room = ROOM.get(context.mask.device.type, ROOM["cuda"])
    costs = [context.weigh(len(path)) for path in tree.paths]
    rows = max(1, min(len(context.mask), room // costs[0]))
    slices = [slice(start, start + rows) for start in range(0, len(context.mask), rows)]
    groups = _group([rows * cost for cost in costs], room, padded=not context.reads_trees)
    again = torch.is_grad_enabled() and len(groups) * len(slices) > 1
    found = []
    for some in slices:
        part, lines = context.take(some), list[Tensor]()
        for group in groups:
            if again:
                lines.append(checkpoint(_score_paths, part, tree, group, use_reentrant=False, preserve_rng_state=False))
            else:
                lines.append(_score_paths(part, tree, group))
        found.append(torch.cat(lines, 1))
    return torch.cat([root, torch.cat(found)], 1)


def _group(costs: Sequence[int], room: int, *, padded: bool) -> list[list[int]]:
    """Group paths, longest first, so that each group has room; padded: whether all cost as much as the longest."""
    if padded:
        return bucket(costs, room)
    groups, left = list[list[int]](), 0
    for path, cost in enumerate(costs):
        if cost > left:
            groups.append([])
            left = room
        groups[-1].append(path)
        left -= cost
    return groups


def _score_paths(context: Context, tree: Tree, chosen: Sequence[int]) -> Tensor:
    """Return the log-probabilities [B,E'] of the edges of some paths, one path after another."""
    states = go_on(context, [tree.paths[path] for path in chosen])
    width = states.shape[2]
    edges = [(row * width + place, token) for row, path in enumerate(chosen) for place, token in tree.edges[path + 1]]
    return _score_edges(context, states.flatten(1, 2), edges)


def _score_edges(context: Context, states: Tensor, edges: Sequence[tuple[int, int]]) -> Tensor:
    """Return log p [B,E'] of edges (place, token) at states [B,places,H], over the whole vocabulary."""
    used = sorted({place for place, _ in edges})
    numbers = {place: number for number, place in enumerate(used)}
    words = sorted({token for _, token in edges})
    columns = {token: number for number, token in enumerate(words)}
    device = states.device
    chosen = states[:, torch.tensor(used, device=device)]
    logits = score_words(context.backbone, chosen, words)  # [B,used,words]
    totals = total_words(context.backbone, chosen.flatten(0, 1)).view(len(states), len(used))
    at = torch.tensor([numbers[place] for place, _ in edges], device=device)
    tokens = torch.tensor([columns[token] for _, token in edges], device=device)
    return logits[:, at, tokens] - totals[:, at]
