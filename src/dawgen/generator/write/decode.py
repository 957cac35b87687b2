"""Batched decoding: every row follows its own label's prefix, and rows that end leave the batch.

Contrast between label prefixes (CorrSynth's idea): score = log p_l - gamma * mean_{l' != l} log p_l', where copies of
the row under the other labels are decoded in the same batch and read the same tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import log

import torch
from torch import Tensor

from dawgen.config import DecodeConfig
from dawgen.generator.codec import Codec, TokenRow
from dawgen.generator.prefix import Prefix
from dawgen.generator.write.static_rows import Memory, choose_rows
from dawgen.rng import torch_rng

# With contrast, a token counts only if its own label gives it at least a tenth of the best token's probability. Without
# this limit a token wins that every label finds absurd, the own label a little less (contrastive decoding, Li et al.
# 2023, alpha = 0.1).
PLAUSIBLE = log(0.1)
# Most tokens of rows that are decoded together, each under all its labels, with prefix, context and what it may write:
# the cache holds keys and values of them all, with 135 M parameters 46 kB of each.
DECODE_TOKENS = {"cpu": 2**15, "cuda": 2**19}


@dataclass(frozen=True, slots=True)
class Lots:
    """Where random numbers come from: a row's are a pure function of (seed, purpose, its number).

    numbers: of the rows; None takes their places.
    """

    seed: int
    purpose: str
    numbers: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Ids of one written text, end token left out, and whether the end was reached.

    logp: log-likelihood in nats of the ids, and of the end where it was reached, under every label that the text was
    decoded under, in the order of `Prefix.held`; None where that was its own label alone.
    """

    ids: tuple[int, ...]
    finished: bool
    logp: tuple[float, ...] | None = field(default=None, compare=False)


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
    best, tokens = scores.topk(count)
    mass = (best.double() / config.temperature).softmax(-1)
    before = mass.cumsum(-1) - mass
    mass = mass * (before < config.top_p)
    reached = mass.cumsum(-1)
    # The last token with mass bounds the index: rounding may leave the sum a little below the draw.
    index = (reached <= draws[:, None] * reached[:, -1:]).sum(-1).minimum((mass > 0).sum(-1) - 1)
    return tokens.gather(1, index[:, None]).squeeze(1)


def decode(
    prefix: Prefix,
    codec: Codec,
    rows: Sequence[TokenRow],
    config: DecodeConfig,
    lots: Lots,
    memory: Memory | None = None,
) -> list[Written]:
    """Continue each row's context (its target is ignored), in the given order.

    A text that would leave the model's window is cut there and counts as unfinished. memory: what calls with one model
    may share. Rows that together would hold too many tokens are decoded in turn, those of similar length together.
    """
    ways = prefix.held.shape[1] if config.contrast > 0 else 1
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i].context))
    lengths = [prefix.length + len(rows[i].context) + config.max_new_tokens for i in order]
    numbers, memory = lots.numbers or range(len(rows)), memory or Memory()
    written: list[Written | None] = [None] * len(rows)
    for some in cut_rows(lengths, ways, prefix.model.device.type):
        places = order[some]
        places.sort()
        theirs = replace(lots, numbers=[numbers[i] for i in places])
        found = _decode_together(prefix, codec, [rows[i] for i in places], config, theirs, memory)
        for place, text in zip(places, found, strict=True):
            written[place] = text
    return [text for text in written if text is not None]


def cut_rows(lengths: Sequence[int], ways: int, device: str) -> Iterator[slice]:
    """Yield the rows that are decoded together, of rows of at most these lengths, longest first, in so many ways."""
    budget = DECODE_TOKENS["cpu" if device == "cpu" else "cuda"]
    start = 0
    while start < len(lengths):
        size = max(1, budget // (ways * lengths[start]))
        yield slice(start, min(len(lengths), start + size))
        start += size


@torch.no_grad()
def _decode_together(
    prefix: Prefix,
    codec: Codec,
    rows: Sequence[TokenRow],
    config: DecodeConfig,
    lots: Lots,
    memory: Memory,
) -> list[Written]:
    held = prefix.held.tolist()
    ways = len(held[0]) if config.contrast > 0 else 1
    alive = sorted(range(len(rows)), key=lambda i: -len(rows[i].context))
    limits = [_room(prefix, row, config.max_new_tokens) for row in rows]
    together = [TokenRow(label, rows[i].context, ()) for i in alive for label in held[rows[i].label][:ways]]
    running = choose_rows(prefix, together, max(limits), memory)
    device = running.hidden.device
    draws = _draw(config, lots, alive).to(device)
    seen = _mark(codec, [rows[i] for i in alive]).to(device) if config.repetition_penalty != 1 else None
    banned = torch.tensor(codec.banned, dtype=torch.long, device=device)
    written: list[list[int]] = [[] for _ in rows]
    finished = [False] * len(rows)
    logp = torch.zeros(len(rows), ways, dtype=torch.float64, device=device)
    for step in range(config.max_new_tokens):
        logits = prefix.logits(running.hidden)
        left_out = logits[:, banned].logsumexp(-1).view(len(alive), ways)
        logits = logits.index_fill_(1, banned, -torch.inf).view(len(alive), ways, -1)
        scores, log_probs = _score(logits, seen, config)
        tokens = pick(scores, draws[:, step], config)
        if log_probs is not None:
            logp[torch.tensor(alive, device=device)] += _look_up(logits, log_probs, tokens, left_out, seen is not None)
        for row, token in zip(alive, tokens.tolist(), strict=True):
            finished[row] = token == codec.end
            if not finished[row]:
                written[row].append(token)
        stays = [not finished[row] and step + 1 < limits[row] for row in alive]
        if not any(stays):
            break
        # Rows from the far end take the places of those that leave: only they are copied, not the whole cache.
        if not all(stays):
            count = sum(stays)
            places = [place for place in range(count) if not stays[place]]
            sources = [place for place in range(count, len(alive)) if stays[place]]
            moved = dict(zip(places, sources, strict=True))
            order = [moved.get(place, place) for place in range(count)]
            running.keep(_expand(sources, ways), _expand(places, ways), count * ways)
            alive, tokens, draws = [alive[place] for place in order], tokens[order], draws[order]
            seen = seen[order] if seen is not None else None
        if seen is not None:
            seen.scatter_(1, tokens[:, None], True)
        running.step(tokens.repeat_interleave(ways))
    sums = [tuple(row) for row in logp.tolist()] if ways > 1 else [None] * len(rows)
    return [Written(tuple(ids), end, found) for ids, end, found in zip(written, finished, sums, strict=True)]


def _score(logits: Tensor, seen: Tensor | None, config: DecodeConfig) -> tuple[Tensor, Tensor | None]:
    """Return scores [B,V] of logits [B,ways,V], own label first, and the log-probabilities that they are made of.

    Without contrast the logits are the scores: neither the best token nor a softmax over the best ones needs
    probabilities.
    """
    own = logits[:, 0] if seen is None else penalise(logits[:, 0], seen, config.repetition_penalty)
    if logits.shape[1] == 1:
        return own, None
    given = logits if seen is None else torch.cat([own[:, None], logits[:, 1:]], dim=1)
    log_probs = given.log_softmax(-1)
    return contrast_scores(log_probs.transpose(0, 1), config.contrast), log_probs


def _look_up(logits: Tensor, log_probs: Tensor, tokens: Tensor, left_out: Tensor, penalised: bool) -> Tensor:
    """Return the model's own log-probabilities [B,ways] of tokens [B], in float64.

    log_probs [B,ways,V]: without the banned tokens, whose logits add up to left_out [B,ways], and under the own label
    after the penalty. logits [B,ways,V] are without either.
    """
    where = tokens[:, None, None].expand(-1, logits.shape[1], 1)
    chosen = logits.gather(2, where).squeeze(2)
    allowed = chosen - log_probs.gather(2, where).squeeze(2)  # a pass over all logits less than to add them up again
    if penalised:
        allowed[:, 0] = logits[:, 0].logsumexp(-1)
    return (chosen - torch.logaddexp(allowed, left_out)).double()


def _expand(places: Sequence[int], ways: int) -> list[int]:
    """Return the rows of each place, one for every label under which its text is decoded."""
    return [place * ways + way for place in places for way in range(ways)]


def _room(prefix: Prefix, row: TokenRow, wanted: int) -> int:
    """Return how many tokens the row may get. The last one needs no position in the window: it is not read again."""
    if prefix.window is None:
        return wanted
    return max(1, min(wanted, prefix.window - prefix.length - len(row.context) + 1))


def _draw(config: DecodeConfig, lots: Lots, places: Sequence[int]) -> Tensor:
    """Return uniform numbers [B,N] of the rows at these places, one per step."""
    if config.strategy == "greedy":
        return torch.zeros(len(places), config.max_new_tokens, dtype=torch.float64)
    numbers = places if lots.numbers is None else [lots.numbers[place] for place in places]
    steps, generators = config.max_new_tokens, [torch_rng(lots.seed, lots.purpose, number) for number in numbers]
    return torch.stack([torch.rand(steps, generator=generator, dtype=torch.float64) for generator in generators])


def _mark(codec: Codec, rows: Sequence[TokenRow]) -> Tensor:
    """Return which tokens [B,V] each row's context holds, for the repetition penalty."""
    seen = torch.zeros(len(rows), codec.vocabulary + codec.learns_end, dtype=torch.bool)
    for i, row in enumerate(rows):
        seen[i, [token for token in row.context if token >= 0]] = True
    return seen
