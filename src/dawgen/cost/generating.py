"""The work of the generator's stages: a tuning step of every kind, writing a shard, scoring it under all labels."""

from __future__ import annotations

from collections.abc import Sequence

from dawgen.config import DecodeConfig, GeneratorConfig
from dawgen.cost.counts import Counts, Work, add, backward, forward, head, repeat, tangent
from dawgen.cost.shape import Conditioned
from dawgen.generator.codec import TokenRow
from dawgen.generator.score import cut_passes
from dawgen.generator.tune.tuner import draw_batch
from dawgen.generator.write.decode import cut_rows
from dawgen.generator.write.rows import CONTEXT_TOKENS

SAMPLED = 16  # batches that are drawn to estimate the padding
AROUND_STEP = Counts(calls=200)  # batch, cache, clipping, optimiser and log of a tuning step
AROUND_TOKEN = 30  # calls that choose a token and bring cache and masks up to date
UNITS = 100  # of the weight net's hidden layer


def count_tuning(at: Conditioned, rows: Sequence[TokenRow], config: GeneratorConfig) -> Work:
    """Count one tuning step, the mean over a cycle of `weight_every`, on batches as tuning draws them.

    plain: the rows once forward and back. weighted, dawgen: every `weight_every` steps also the virtual step's
    backward, every row under its own label and its rivals forward and back (L_disc), and the directional derivative.
    """
    work: Work = ()
    for step in range(SAMPLED):
        batch = draw_batch(rows, config.rows_per_label, 0, step, labels=config.rivals + 1)
        tokens = max(len(row.context) + len(row.target) for row in batch) - 1
        targets = sum(len(row.target) for row in batch)
        work += repeat(_count_step(at, config, len(batch), tokens, targets), 1 / SAMPLED)
    return work


def _count_step(at: Conditioned, config: GeneratorConfig, rows: int, tokens: int, targets: int) -> Work:
    shape, labels = at.shape, at.ways
    keys, heads = at.prefix + tokens, head(shape, targets)
    weighted = config.kind in ("weighted", "dawgen") and labels > 1
    aligned = config.kind == "dawgen" and config.dist_weight > 0 and config.alignment == "B"
    encoded = rows * labels if aligned else rows  # rows whose states the inner loss needs
    encode = add((forward(shape, encoded, tokens, keys), heads * 2))  # the head's gradient is made on the way forward
    differentiate = backward(shape, encoded, tokens, keys)
    work: Work = ((encode, 1), (differentiate, 1), (AROUND_STEP, 1))
    if not weighted:
        return work
    others, every = labels - 1, 1 / config.weight_every
    width = shape.width if config.weight_input == "hidden" else 1
    net = Counts(flops=2 * targets * UNITS * (width + 1), calls=10)
    work += ((net, 1 + 2 * every),)  # its values at every step; once more with their gradient when it learns
    if config.weight_input == "disc_loss":
        again = Counts() if aligned else forward(shape, rows * others, tokens, keys)
        work += ((add((again, head(shape, targets * others))), 1),)
    everywhere = rows * labels
    disc = add((forward(shape, everywhere, tokens, keys), backward(shape, everywhere, tokens, keys)))
    work += ((differentiate, every), (add((disc, head(shape, targets * labels) * 2)), every))
    if config.meta == "jvp" or config.dtype != "float32":
        return (*work, (tangent(shape, encoded, tokens, keys), every))
    return (*work, (forward(shape, encoded, tokens, keys), every))


def count_writing(
    at: Conditioned, contexts: Sequence[int], written: Sequence[float], config: DecodeConfig, *, rows: int
) -> Work:
    """Count writing `rows` texts, as many at a time as decoding takes: a prefill, then a pass per token of those that
    have not ended.

    contexts: tokens in front of the texts. written: expected tokens of texts, the end included; the share of them that
    are longer than t is the share of rows alive at step t. Contrast decodes every row under its
    own label and its rivals.
    """
    longest = sorted((contexts[i % len(contexts)] for i in range(rows)), reverse=True)  # each read once under a label
    limits = [at.prefix + context + config.max_new_tokens for context in longest]
    work: Work = ()
    for some in cut_rows(limits, count_ways(at, config), at.device):
        work += _count_together(at, longest[some], written, config)
    return work


def _count_together(at: Conditioned, longest: Sequence[int], written: Sequence[float], config: DecodeConfig) -> Work:
    """Count decoding rows behind these contexts, longest first."""
    shape, prefix, most = at.shape, at.prefix, CONTEXT_TOKENS["cpu" if at.device == "cpu" else "cuda"]
    rows, ways = len(longest), count_ways(at, config)
    work: Work = ((head(shape, rows * ways), 1),)
    start = 0
    while start < len(longest):  # rows of similar length are read together
        size = min(max(1, most // longest[start]), len(longest) - start)
        passed = forward(shape, size, longest[start], prefix + longest[start])
        work += ((passed + Counts(calls=AROUND_TOKEN), 1),)
        start += size
    lengths = [min(length, config.max_new_tokens) for length in written]
    for step in range(1, int(max(lengths))):
        alive = rows * ways * sum(length > step for length in lengths) / len(lengths)
        passed = add((forward(shape, alive, 1, prefix + longest[0] + step), head(shape, alive)))
        work += ((passed + Counts(calls=AROUND_TOKEN), 1),)
    return work


def count_ways(at: Conditioned, config: DecodeConfig) -> int:
    """Return under how many labels a text is decoded."""
    return at.ways if config.contrast > 0 else 1


def combine(contexts: Sequence[int], written: Sequence[int], rows: int) -> list[tuple[int, int]]:
    """Return (context, text) lengths of `rows` rows, each context with another text in turn."""
    return [(contexts[i % len(contexts)], written[i * 7 % len(written)]) for i in range(rows)]


def count_scoring(at: Conditioned, rows: Sequence[tuple[int, int]]) -> Work:
    """Count log-likelihoods of rows of (context, text) lengths under the labels that each is held against."""
    shape, labels = at.shape, at.ways
    ordered = sorted(rows, key=sum)
    work: Work = ()
    for some, columns in cut_passes([sum(row) for row in ordered], labels, at.prefix, at.device):
        chosen, under = ordered[some], columns.stop - columns.start
        tokens, targets = sum(chosen[-1]) - 1, sum(target for _, target in chosen)
        passed = forward(shape, len(chosen) * under, tokens, at.prefix + tokens) + head(shape, targets * under)
        work += ((passed + Counts(calls=20), 1),)
    return work
