"""L_dist pulls rows of one label together and pushes labels apart."""

from itertools import product
from typing import Literal

import pytest
import torch
from torch.nn.functional import cosine_similarity

from dawgen.generator.tune.alignment import alignment_loss, compare, represent

ROWS = torch.tensor([0, 0, 1, 2, 2, 2, 3])
LABELS = torch.tensor([0, 0, 1, 1])


def random_states(seed: int = 0, blocks: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(blocks, 7, 5, generator=rng), torch.rand(7, generator=rng).softmax(0)


@pytest.mark.parametrize("reading", ["A", "B"])
def test_equals_the_printed_sum_over_triples(reading: Literal["A", "B"]) -> None:
    states, weights = random_states()
    sentences = torch.stack(
        [
            torch.stack([sum(weights[j] * block[j] for j in range(7) if ROWS[j] == i) for i in range(4)])  # type: ignore[misc]
            for block in states
        ]
    )
    terms = []
    for i, j in product(range(4), repeat=2):
        if i == j or LABELS[i] != LABELS[j]:
            continue
        others = [sentences[0, k] for k in range(4) if LABELS[k] != LABELS[i]] if reading == "A" else [sentences[1, j]]
        near = cosine_similarity(sentences[0, i], sentences[0, j], dim=0)
        terms += [max(0.0, 0.7 - float(near) + float(cosine_similarity(sentences[0, i], o, dim=0))) for o in others]
    loss = alignment_loss(states, weights, ROWS, compare(LABELS, reading), margin=0.7, reading=reading)
    assert float(loss) == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_one_step_down_raises_same_minus_other_similarity() -> None:
    states, weights = random_states(3, blocks=1)
    states.requires_grad_()
    triples = compare(LABELS)
    before = alignment_loss(states, weights, ROWS, triples)
    (gradient,) = torch.autograd.grad(before, states)
    assert alignment_loss(states - 0.1 * gradient, weights, ROWS, triples) < before


def test_perfectly_apart_costs_nothing_and_scale_does_not_matter() -> None:
    states = torch.zeros(1, 7, 5)
    states[0, ROWS < 2, 0], states[0, ROWS >= 2, 0] = 1.0, -1.0
    weights = torch.full((7,), 1 / 7)
    assert float(alignment_loss(states, weights, ROWS, compare(LABELS))) == 0
    noisy, _ = random_states(1)
    assert torch.allclose(represent(noisy, weights, ROWS, 4), represent(noisy * 9, weights, ROWS, 4), atol=1e-6)


def test_one_row_per_label_is_refused() -> None:
    with pytest.raises(ValueError, match="two rows"):
        compare(torch.arange(4))


def test_rows_of_one_label_can_be_compared_under_reading_b_only() -> None:
    one = torch.tensor([2, 2])
    assert compare(one, "B", others=2).tolist() == [[[False] * 2, [True] * 2], [[True] * 2, [False] * 2]]
    with pytest.raises(ValueError, match="another label"):
        compare(one, "A")
