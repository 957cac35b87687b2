"""Peak memory of each stage, in bytes beside those of the libraries: the weights and the largest pass.

N = B T tokens of a pass of B rows, S the keys that each sees, L blocks, w bytes of a number.
Kept for the backward pass, per block (weights are frozen, so that no product keeps its input):
    w (N (2 H + 2 Hq + c F) + 2 B S Hkv + a B h T S)       c tensors of width F and a of scores, by family
One block at work:     w (N (4 H + 2 Hq + 2 F) + 2 B S Hkv + 3 B h T S)
A cache:               2 w L B S Hkv, and one block's more while it grows by a copy
Logits while writing:  4 float32 copies of B V; likelihoods make them in blocks of 2^22 numbers (2^27 on a GPU)
An optimiser on all weights: gradient, two means and a step, 4 times the weights. A prompt's own are too small to count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dawgen.classifier.batches import batch_rows, bucket, choose_budget
from dawgen.classifier.names import ROOM
from dawgen.classifier.scorer import KEPT_SHARE
from dawgen.config import DecodeConfig, GeneratorConfig, Placement, TargetConfig
from dawgen.cost.generating import count_ways
from dawgen.cost.shape import Conditioned, Shape
from dawgen.generator.codec import TokenRow
from dawgen.generator.score import cut_passes
from dawgen.generator.tune.likelihood import BLOCK
from dawgen.generator.tune.tuner import draw_batch
from dawgen.generator.write.decode import cut_rows
from dawgen.models.texts import MEMORY
from dawgen.rng import python_rng

SAMPLED = 16  # batches that are drawn to find the largest
COPIES = 4  # of the logits while a token is chosen
# The batches of prompt training differ in size, and the C library cannot reuse all the memory that they free: 1.6 to
# 2.3 times the live memory was measured on T5, once where every tensor has a mapping of its own. A GPU's allocator
# rounds sizes, which avoids this.
HOLES = {"cpu": 1.5}
OPTIMISER = 4
# Tensors of the feed-forward width that a block keeps for its backward pass: what its activation is made of.
KEPT_WIDE = {"gpt2": 6.0, "ctrl": 1.0, "t5": 1.0}
# Tensors of attention scores that it keeps; families that are not listed attend without keeping any.
KEPT_SCORES = {"ctrl": 2.0}


def weigh(shape: Shape) -> float:
    """Return the bytes of the weights."""
    untied = 0 if shape.tied else shape.width * shape.vocabulary
    return float(shape.item * (shape.weights + untied))


def keep(shape: Shape, rows: float, queries: float, keys: float) -> float:
    """Return the bytes that a forward of all blocks keeps for its backward."""
    tokens = rows * queries
    wide = KEPT_WIDE.get(shape.family, 3.0 if shape.gated else 1.0)
    numbers = tokens * (2 * shape.width + 2 * shape.query_width + wide * shape.feed_forward)
    numbers += 2 * rows * keys * shape.kv_width
    numbers += KEPT_SCORES.get(shape.family, 0.0) * rows * shape.heads * queries * keys
    return shape.layers * shape.item * numbers


def work(shape: Shape, rows: float, queries: float, keys: float) -> float:
    """Return the bytes that one block holds while it works."""
    tokens = rows * queries
    numbers = tokens * (4 * shape.width + 2 * shape.query_width + 2 * shape.feed_forward)
    numbers += 2 * rows * keys * shape.kv_width + 3 * rows * shape.heads * queries * keys
    return shape.item * numbers


def cache(shape: Shape, rows: float, keys: float) -> float:
    """Return the bytes of keys and values of all blocks."""
    return 2.0 * shape.item * shape.layers * rows * keys * shape.kv_width


def hold_tuning(at: Conditioned, rows: Sequence[TokenRow], config: GeneratorConfig) -> float:
    """Return the peak of tuning beside the weights, on batches as tuning draws them."""
    if config.kind == "untuned":
        return 0.0
    shape, labels, prefix = at.shape, at.ways, at.prefix
    weighted = config.kind in ("weighted", "dawgen") and labels > 1
    found = []
    for step in range(SAMPLED):
        batch = draw_batch(rows, config.rows_per_label, 0, step, labels=config.rivals + 1)
        tokens = max(len(row.context) + len(row.target) for row in batch) - 1
        targets = sum(len(row.target) for row in batch)
        # The virtual step's rows are read under all labels while the graph of the own label is still there.
        counts = [len(batch), len(batch) * labels] if weighted else [len(batch)]
        graphs = sum(keep(shape, count, tokens, prefix + tokens) for count in counts)
        found.append(graphs + work(shape, counts[-1], tokens, prefix + tokens) + _score(shape, targets, at.device))
    return max(found)


def hold_writing(
    at: Conditioned, contexts: Sequence[int], written: Sequence[float], config: DecodeConfig, *, rows: int
) -> float:
    """Return the peak of writing one shard of `rows` texts, as many at a time as decoding takes: the cache at its
    largest, a growing block, and logits."""
    shape, ways = at.shape, count_ways(at, config)
    ordered = sorted((contexts[i % len(contexts)] for i in range(rows)), reverse=True)
    lengths = [min(length, config.max_new_tokens) for length in written]
    found = []
    for some in cut_rows([at.prefix + context + config.max_new_tokens for context in ordered], ways, at.device):
        together, longest = len(ordered[some]) * ways, at.prefix + ordered[some.start]
        caches = []
        for step in range(int(max(lengths)) + 1):
            alive = together * sum(length > step for length in lengths) / len(lengths)
            caches.append(cache(shape, alive, longest + step) * (1 + 1 / shape.layers))
        found.append(max(caches) + COPIES * 4.0 * together * shape.vocabulary)
    return max(found)


def hold_scoring(at: Conditioned, rows: Sequence[tuple[int, int]]) -> float:
    """Return the peak of scoring rows of (context, text) lengths under the labels that each is held against."""
    shape, found = at.shape, list[float]()
    ordered = sorted(rows, key=sum)
    for some, columns in cut_passes([sum(row) for row in ordered], at.ways, at.prefix, at.device):
        chosen, under = ordered[some], columns.stop - columns.start
        tokens, count = sum(chosen[-1]) - 1, len(chosen) * under
        targets = sum(target for _, target in chosen) * under
        states = shape.item * targets * shape.width
        keys = at.prefix + tokens
        held = cache(shape, count, keys) + work(shape, count, tokens, keys)
        found.append(held + states + _score(shape, targets, at.device))
    return max(found)


def hold_training(
    shape: Shape,
    lengths: Sequence[int],
    config: TargetConfig,
    *,
    rows: int,
    device: str = "cpu",
    weights: bool = False,
    names: int = 0,
) -> float:
    """Return the peak of a step on `rows` rows of these lengths; weights: the model's own are trained.

    names: tokens of label words that are read behind each row.
    """
    rng = python_rng(0, "cost/batch")
    if config.placement == "behind":
        return _hold_asked(shape, rows, config.length, max(lengths), names) * HOLES.get(device, 1.0)
    front = config.length if shape.cross else 0
    found = []
    for _ in range(SAMPLED):
        chosen = [front + length for length in rng.choices(lengths, k=rows)]
        for batch in batch_rows(chosen, device):
            longest = max(chosen[row] for row in batch)
            keys = longest + config.length - front
            behind = keep(shape, len(batch), names, keys + names) if names else 0.0
            behind = min(behind, ROOM["cpu" if device == "cpu" else "cuda"])
            found.append(keep(shape, len(batch), longest, keys) + work(shape, len(batch), longest, keys) + behind)
    held = max(found) * HOLES.get(device, 1.0)
    return held + (OPTIMISER * weigh(shape) if weights else 0.0)


def hold_texts(shape: Shape, lengths: Iterable[int]) -> float:
    """Return the bytes of texts of these lengths that are kept in memory in front of a prompt, within their budget."""
    return min(float(MEMORY), cache(shape, 1, sum(lengths)))


def hold_evaluation(
    shape: Shape,
    lengths: Sequence[int],
    *,
    prompt: int,
    device: str = "cpu",
    names: int = 0,
    placement: Placement = "before",
) -> float:
    """Return the peak of scoring rows of these lengths behind a prompt, with so many tokens of names behind each.

    placement: behind, the rows' texts are kept, and the prompt is what is read.
    """
    found = []
    if placement == "behind" and prompt:
        for group in bucket([prompt + -(-length // KEPT_SHARE) for length in lengths], choose_budget(device)):
            longest = max(lengths[row] for row in group)
            held = work(shape, len(group), prompt, longest + prompt)
            found.append(held + 2 * cache(shape, len(group), longest + prompt + names))
        return max(found)
    for group in bucket([length + prompt for length in lengths], choose_budget(device)):
        queries = lengths[group[0]] + (prompt if shape.cross else 0)
        keys = lengths[group[0]] + prompt
        behind = cache(shape, len(group), keys + names) + work(shape, len(group), names, keys + names) if names else 0.0
        found.append(work(shape, len(group), queries, keys) + behind)
    return max(found)


def _hold_asked(shape: Shape, rows: int, prompt: int, keys: int, names: int) -> float:
    """Return the bytes of a prompt's step behind kept texts: what its backward needs, and two copies of the texts."""
    passed = keep(shape, rows, prompt + names, keys + prompt + names) + work(shape, rows, prompt, keys + prompt)
    return passed + 2 * cache(shape, rows, keys)


def _score(shape: Shape, targets: float, device: str) -> float:
    """Return the bytes of logits and their derivatives, of which a block is made at a time, in float32."""
    block = BLOCK["cpu" if device == "cpu" else "cuda"]
    return 3 * 4.0 * min(targets * shape.vocabulary, max(shape.vocabulary, block))
