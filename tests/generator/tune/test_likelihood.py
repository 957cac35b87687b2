"""Likelihoods made a block at a time equal those from all logits at once, with all their gradients."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dawgen.generator.tune import likelihood
from dawgen.generator.tune.likelihood import target_likelihood

WIDTH, VOCABULARY = 6, 11


def make_inputs(*, learned_end: bool, bias: bool) -> tuple[nn.Linear, Tensor, Tensor | None, Tensor]:
    rng = torch.Generator().manual_seed(3)
    head = nn.Linear(WIDTH, VOCABULARY, bias=bias).requires_grad_(False)
    for parameter in head.parameters():
        parameter.normal_(generator=rng)
    end = torch.randn(WIDTH, generator=rng).requires_grad_() if learned_end else None
    targets = torch.randint(VOCABULARY + learned_end, (9,), generator=rng)
    targets[0] = VOCABULARY - 1 + learned_end
    return head, torch.randn(9, WIDTH, generator=rng).requires_grad_(), end, targets


def score_plainly(states: Tensor, head: nn.Linear, end: Tensor | None, targets: Tensor) -> Tensor:
    logits = head(states) if end is None else torch.cat([head(states), states @ end[:, None]], 1)
    return -cross_entropy(logits, targets, reduction="none")


@pytest.mark.parametrize("block", [1, 40, 2**22])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("learned_end", [False, True])
def test_values_and_gradients_equal_the_plain_ones(
    learned_end: bool, bias: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(likelihood.BLOCK, "cpu", block)
    head, states, end, targets = make_inputs(learned_end=learned_end, bias=bias)
    inputs = [states] if end is None else [states, end]
    cotangent = torch.linspace(-1, 2, 9)
    plain = score_plainly(states, head, end, targets)
    ours = target_likelihood(states, head, end, targets)
    assert torch.allclose(ours.log_probs, plain, rtol=1e-5)
    assert torch.equal(
        target_likelihood(states.detach(), head, None if end is None else end.detach(), targets)[0], ours[0]
    )
    for _ in range(2):  # two passes through one graph
        for a, b in zip(
            torch.autograd.grad(ours.log_probs, inputs, cotangent, retain_graph=True),
            torch.autograd.grad(plain, inputs, cotangent, retain_graph=True),
            strict=True,
        ):
            assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)
    (slopes,) = torch.autograd.grad(plain.sum(), states)
    assert ours.by_state is not None
    assert torch.allclose(ours.by_state, slopes, rtol=1e-5, atol=1e-6)
    assert (ours.by_end is None) == (end is None)


def test_half_precision_states_get_gradients_of_their_own_kind() -> None:
    head, states, _, targets = make_inputs(learned_end=False, bias=True)
    half = states.detach().bfloat16().requires_grad_()
    ours = target_likelihood(half, head.bfloat16(), None, targets)
    (gradient,) = torch.autograd.grad(ours.log_probs.sum(), half)
    plain = score_plainly(half.detach().float().requires_grad_(), head.float(), None, targets)
    assert (ours.log_probs.dtype, gradient.dtype) == (torch.float32, torch.bfloat16)
    assert torch.allclose(ours.log_probs, plain, atol=0.05)
