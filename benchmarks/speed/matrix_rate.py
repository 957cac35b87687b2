"""The prompt step at Flan-T5-large size as a share of what the device reaches in one large matrix product.

A step's work, in floating-point operations (a multiplication and an addition are two), for B rows of S = P + T
positions, width d, h heads of i in all, feed-forward width f (gated: three matrices), L layers on each side:

    encoder matrices      B S L (8 d i + 6 d f)      queries, keys, values, output; feed-forward
    encoder attention     B S L 4 S i                q.k and the weighted sum of values
    decoder matrices      B L (16 d i + 6 d f)       one position, self- and cross-attention; feed-forward
    decoder attention     B L 4 S h d                on the encoder's states themselves, as `fuse` does it

Forward and backward: the weights are frozen, so that the backward pass of a matrix is one product (with respect to its
input) and that of attention is two for each of its own. The label words' rows of the head are left out.
"""

import torch

from benchmarks.speed.harness import Result, Setup, time_rate
from benchmarks.speed.targets import SHAPES, Shape, make_prompt, make_rows, make_scorer, make_target, ship
from dawgen.classifier.train import Training, train_prompt
from dawgen.config import TargetConfig

ROWS, PROMPT, LENGTH = 64, 100, 128
STEPS = 5
SIDE, PRODUCTS = 8192, 20  # of the matrices, and how many products


def count_step(shape: Shape, rows: int, prompt: int, length: int) -> float:
    """Return the floating-point operations of a step on rows of one length."""
    seen, d, inner = prompt + length, shape.d, shape.inner
    feed_forward = 6 * d * shape.f
    matrices = seen * (8 * d * inner + feed_forward) + 16 * d * inner + feed_forward
    attention = 4 * seen * (seen * inner + shape.heads * d)
    return rows * shape.layers * (2.0 * matrices + 3.0 * attention)


def measure_matrix_rate(setup: Setup, side: int = SIDE, products: int = PRODUCTS) -> float:
    """Return floating-point operations per second of products of two square matrices."""
    left, right = (torch.randn(side, side, device=setup.device).to(setup.dtype) for _ in range(2))

    def multiply() -> float:
        for _ in range(products):
            left @ right
        return 2.0 * products * side**3

    multiply()
    return time_rate(multiply, setup.device)


def compare_with_matrix_rate(setup: Setup) -> Result:
    """Return the step's rate over the matrix rate, measured in turn."""
    size = "large" if setup.big else "tiny"
    rows, prompt, length = (ROWS, PROMPT, LENGTH) if setup.big else (4, 4, 8)
    backbone = ship(make_target("t5", size, device=setup.device, dtype=setup.dtype))
    real, synthetic = (make_rows(backbone, [length] * (rows // 2), name) for name in ("real", "synthetic"))
    start, config = make_prompt(backbone, prompt), TargetConfig(steps=STEPS, batch_size=rows // 2)
    scorer, training = make_scorer(backbone), Training(real, synthetic, None, "paired", 0, config)
    work = STEPS * count_step(SHAPES["t5", size], rows, prompt, length)

    def train() -> float:
        train_prompt(scorer, start, training)
        return work

    train()
    shares = []
    for _ in range(setup.pairs):
        rate = time_rate(train, setup.device)
        shares.append(rate / measure_matrix_rate(setup, SIDE if setup.big else 64))
    name = (
        f"prompt step at Flan-T5-large size, {rows // 2} + {rows // 2} rows of {length} tokens, {prompt} prompt tokens"
    )
    return Result.of(name, "one large matrix product", "FLOP/s", shares, target=0.45, side="at least")
