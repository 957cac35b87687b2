"""The work of the target's stages: a step of prompt training, and scoring rows with label words."""

from __future__ import annotations

from collections.abc import Sequence

from dawgen.classifier.batches import batch_rows, bucket, choose_budget
from dawgen.classifier.context import TREES
from dawgen.classifier.scorer import KEPT_SHARE
from dawgen.config import Schedule, TargetConfig
from dawgen.cost.counts import Counts, Work, answer, backward, forward, head
from dawgen.cost.shape import Shape
from dawgen.rng import python_rng

SAMPLED = 16  # batches that are drawn to estimate the padding
AROUND_STEP = Counts(calls=150)  # batch, surgery, clipping, optimiser and log of a training step
AROUND_BATCH = Counts(calls=20)
COPIED = 2  # times that kept keys and values are copied: into a batch, and behind them the prompt's own
MOVED = 10  # numbers read and written per weight and step: gradient, clipping, AdamW


def count_rows(schedule: Schedule, real: int, synthetic: int, batch: int) -> int:
    """Return the rows of a training step: `batch` of each source, or twice `batch` of one source, no row twice."""
    if schedule == "paired" and synthetic:
        return min(batch, real) + min(batch, synthetic)
    known = {"real": real, "synthetic": synthetic, "pooled": real + synthetic}
    return min(2 * batch, known.get(schedule, max(real, synthetic)))


def count_training(
    shape: Shape,
    lengths: Sequence[int],
    config: TargetConfig,
    *,
    rows: int,
    groups: int,
    device: str = "cpu",
    weights: bool = False,
    names: int = 0,
) -> Work:
    """Count one step on `rows` random rows of these lengths, whose gradients are kept apart in `groups` prompt copies.

    An encoder reads [P;E] of every row, forward and backward. A causal model reads the prompts once, and then the rows.
    weights: the model's own are trained. Their gradient costs the products of a forward again, 2 B T W, and AdamW
    moves each weight, its gradient and both moments. An adapter counts as a prompt: its products are small.
    names: tokens of label words that are read behind each row.
    With the prompt behind the text a step reads P positions of each row, behind keys and values that are kept.
    """
    rng = python_rng(0, "cost/batch")
    if config.placement == "behind":
        return _count_behind(shape, lengths, config, rows=rows, device=device, names=names)
    prompt, positions = config.length, 1 + config.decoder_sentinel
    front = prompt if shape.cross else 0
    work: Work = ((AROUND_STEP, 1),)
    if weights:
        work += ((Counts(bytes=MOVED * shape.item * shape.weights, calls=20 * (shape.layers + shape.cross)), 1),)
    if not shape.cross and prompt:
        work += ((forward(shape, groups, prompt, prompt) + backward(shape, groups, prompt, prompt), 1),)
    for _ in range(SAMPLED):  # the padding depends on which rows are drawn together: the mean of several draws
        chosen = [front + length for length in rng.choices(lengths, k=rows)]
        for batch in batch_rows(chosen, device):
            size, longest = len(batch), max(chosen[row] for row in batch)
            keys = longest + prompt - front
            passed = AROUND_BATCH + forward(shape, size, longest, keys)
            passed += backward(shape, size, longest, keys, inputs=bool(shape.cross))
            if shape.cross:
                passed += answer(shape, size, keys, positions) + answer(shape, size, keys, positions, gradient=True)
            passed += count_names(shape, size, keys, names) + count_names(shape, size, keys, names, gradient=True)
            if weights:
                again = forward(shape, size, longest, 0)
                passed += Counts(again.flops, again.bytes)
            work += ((passed, 1 / SAMPLED),)
    return work


def count_evaluation(
    shape: Shape, lengths: Sequence[int], config: TargetConfig, *, prompt: int, device: str = "cpu", names: int = 0
) -> Work:
    """Count label-word scores of rows of these lengths, in the batches that evaluation makes; names: as in training."""
    work: Work = ()
    if config.placement == "behind" and prompt:
        sizes = [prompt + -(-length // KEPT_SHARE) for length in lengths]
        for group in bucket(sizes, choose_budget(device)):
            longest = max(lengths[row] for row in group)
            work += ((ask(shape, len(group), prompt, longest, names) + AROUND_BATCH, 1),)
        return work
    if prompt and not shape.cross:
        work += ((forward(shape, 1, prompt, prompt), 1),)
    for group in bucket([length + prompt for length in lengths], choose_budget(device)):
        size, longest = len(group), lengths[group[0]]
        if shape.cross:
            keys = longest + prompt
            passed = forward(shape, size, keys, keys) + answer(shape, size, keys, 1 + config.decoder_sentinel)
        else:
            passed = forward(shape, size, longest, longest + prompt)
        passed += count_names(shape, size, longest + prompt, names)
        work += ((passed + AROUND_BATCH, 1),)
    return work


def count_reading(shape: Shape, lengths: Sequence[int]) -> Work:
    """Count how texts of these lengths are read in front of a prompt, each alone, with a decoder's first position."""
    work: Work = ()
    for length in lengths:
        read = forward(shape, 1, length, length) + (answer(shape, 1, length) if shape.cross else Counts())
        work += ((read, 1),)
    return work


def ask(shape: Shape, rows: float, prompt: int, keys: float, names: int, *, gradient: bool = False) -> Counts:
    """Count a prompt that is read behind kept texts of `keys` tokens, forward or back, with names behind it."""
    moved = Counts(bytes=COPIED * 2 * shape.item * (shape.cross or shape.layers) * rows * keys * shape.kv_width)
    if shape.cross:
        passed = answer(shape, rows, keys, prompt + 1, kept=True, gradient=gradient)
    elif gradient:
        passed = backward(shape, rows, prompt, keys + prompt)
    else:
        passed = forward(shape, rows, prompt, keys + prompt)
    return passed + moved + count_names(shape, rows, keys + prompt, names, gradient=gradient)


def _count_behind(
    shape: Shape, lengths: Sequence[int], config: TargetConfig, *, rows: int, device: str, names: int
) -> Work:
    rng = python_rng(0, "cost/batch")
    work: Work = ((AROUND_STEP, 1),)
    for _ in range(SAMPLED):
        chosen = rng.choices(lengths, k=rows)
        for batch in batch_rows([config.length + -(-length // KEPT_SHARE) for length in chosen], device):
            longest = max(chosen[row] for row in batch)
            passed = AROUND_BATCH + ask(shape, len(batch), config.length, longest, names)
            passed += ask(shape, len(batch), config.length, longest, names, gradient=True)
            work += ((passed, 1 / SAMPLED),)
    return work


def count_names(shape: Shape, rows: float, keys: float, names: int, *, gradient: bool = False) -> Counts:
    """Count label words of several tokens behind rows: `names` tokens that see `keys` more, and the whole head at each.

    A model that does not read them as one tree computes them again for their gradient.
    """
    if not names:
        return Counts()
    again = gradient and shape.family not in TREES
    if shape.cross:
        passed = answer(shape, rows, keys, names, gradient=gradient)
        passed += answer(shape, rows, keys, names) if again else Counts()
    elif gradient:
        passed = backward(shape, rows, names, keys + names)
        passed += forward(shape, rows, names, keys + names) if again else Counts()
    else:
        passed = forward(shape, rows, names, keys + names)
    return passed + head(shape, rows * (1 + names))
