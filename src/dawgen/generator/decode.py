"""Batched decoding: every row behind its own label's prefix, rows that end leave the batch.

Contrast between label prefixes (CorrSynth's idea): score = log p_l - gamma * mean_{l' != l} log p_l', where the rows of
the other labels decode along and are fed the same token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

from dawgen.config import DecodeConfig
from dawgen.generator.prefix import Prefix
from dawgen.generator.rows import Codec, Row, collate
from dawgen.rng import torch_rng

# With contrast, a token counts only if its own label gives it a tenth of the best token's probability; otherwise one
# that every label finds absurd, the own a little less, wins (contrastive decoding, Li et al. 2023, alpha = 0.1).
PLAUSIBLE = log(0.1)


@dataclass(frozen=True, slots=True)
class Written:
    """Ids of one written text, end token left out, and whether the end was reached."""

    ids: tuple[int, ...]
    finished: bool


def penalise(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Return logits [B,V] whose `seen` tokens [B,V] (bool) are divided by the penalty, multiplied where negative."""
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def contrast_scores(log_probs: Tensor, gamma: float) -> Tensor:
    """Return scores [B,V] of log-probabilities [K,B,V], own label first; implausible tokens get -inf."""
    own = log_probs[0]
    if gamma == 0 or len(log_probs) == 1:
        return own
    others = log_probs[1:].mean(0)
    scores = own - gamma * torch.where(own.isinf(), 0.0, others)
    return scores.masked_fill(own < own.max(-1, keepdim=True).values + PLAUSIBLE, -torch.inf)


def pick(scores: Tensor, draws: Tensor, config: DecodeConfig) -> Tensor:
    """Return one token per row [B] from scores [B,V]: the best one, or that of the row's uniform draw in [0,1) [B].

    Sampling scales by the temperature, keeps the top k, then the fewest of them that hold top_p of the mass. One number
    per row and step, so that the choice does not depend on the other rows.
    """
    if config.strategy == "greedy":
        return scores.argmax(-1)
    count = min(config.top_k or scores.shape[1], scores.shape[1])
    best, tokens = (scores.double() / config.temperature).topk(count)
    mass = best.softmax(-1)
    before = mass.cumsum(-1) - mass
    mass = mass * (before < config.top_p)
    reached = mass.cumsum(-1)
    # The last token with mass bounds the index: rounding may leave the sum a little below the draw.
    index = (reached <= draws[:, None] * reached[:, -1:]).sum(-1).minimum((mass > 0).sum(-1) - 1)
    return tokens.gather(1, index[:, None]).squeeze(1)


@torch.no_grad()
def decode(
    prefix: Prefix,
    codec: Codec,
    rows: Sequence[Row],
    config: DecodeConfig,
    *,
    seed: int,
    purpose: str,
    numbers: Sequence[int] | None = None,
) -> list[Written]:
    """Continue each row's context (its target is ignored), in the given order.

    A row's random numbers are a pure function of (seed, purpose, its number), by default its place. A text that would
    leave the model's window is cut there and counts as unfinished.
    """
    numbers = range(len(rows)) if numbers is None else numbers
    ways = prefix.labels if config.contrast > 0 and prefix.labels > 1 else 1
    device, size = prefix.model.device, len(rows)
    batch = collate([Row(row.label, row.context, (0,)) for row in rows], device)
    if ways > 1:
        batch = batch.under_other_labels(ways, own=True)
    limits = torch.tensor([_room(prefix, row, config.max_new_tokens) for row in rows], device=device)
    draws = torch.stack([_draw(config, seed, purpose, number) for number in numbers]).to(device)
    hidden, cache, mask, positions = prefix.prefill(batch)
    hidden = hidden[batch.rows, batch.columns]
    seen = _mark(prefix, codec, rows)
    banned = torch.tensor(codec.banned, dtype=torch.long, device=device)
    alive = torch.arange(size, device=device)
    written: list[list[int]] = [[] for _ in rows]
    finished = [False] * size
    for step in range(config.max_new_tokens):
        logits = prefix.logits(hidden).view(ways, len(alive), -1)
        if config.repetition_penalty != 1:
            logits = torch.cat([penalise(logits[0], seen, config.repetition_penalty)[None], logits[1:]])
        logits[..., banned] = -torch.inf
        tokens = pick(contrast_scores(logits.log_softmax(-1), config.contrast), draws[alive, step], config)
        ended = tokens == codec.end
        for row, token, end in zip(alive.tolist(), tokens.tolist(), ended.tolist(), strict=True):
            finished[row] = end
            if not end:
                written[row].append(token)
        keep = (~ended & (limits[alive] > step + 1)).nonzero().squeeze(1)
        if not len(keep):
            break
        if len(keep) < len(alive):
            copies = torch.cat([keep + way * len(alive) for way in range(ways)])
            cache.batch_select_indices(copies)
            mask, positions = mask[copies], positions[copies]
            alive, tokens, seen = alive[keep], tokens[keep], seen[keep]
        seen = seen.scatter(1, tokens[:, None], True)
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        output = prefix.model.base_model(
            input_ids=tokens.repeat(ways)[:, None],
            past_key_values=cache,
            attention_mask=mask,
            position_ids=positions[:, None],
            use_cache=True,
        )
        hidden, positions = output.last_hidden_state[:, -1], positions + 1
    return [Written(tuple(ids), end) for ids, end in zip(written, finished, strict=True)]


def _room(prefix: Prefix, row: Row, wanted: int) -> int:
    """Return how many tokens the row may get: the last one written never has to fit, as it is not read again."""
    if prefix.window is None:
        return wanted
    return max(1, min(wanted, prefix.window - prefix.length - len(row.context) + 1))


def _draw(config: DecodeConfig, seed: int, purpose: str, index: int) -> Tensor:
    if config.strategy == "greedy":
        return torch.zeros(config.max_new_tokens, dtype=torch.float64)
    return torch.rand(config.max_new_tokens, generator=torch_rng(seed, purpose, index), dtype=torch.float64)


def _mark(prefix: Prefix, codec: Codec, rows: Sequence[Row]) -> Tensor:
    """Return which tokens [B,V] stand in each row's context, for the repetition penalty."""
    seen = torch.zeros(len(rows), codec.vocabulary + codec.learns_end, dtype=torch.bool)
    for i, row in enumerate(rows):
        seen[i, [token for token in row.context if token >= 0]] = True
    return seen.to(prefix.model.device)
