"""Token weights and the discriminative loss."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from dawgen.generator.tune.weighting import WeightNet, token_disc_loss, weighted_nll


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 99))
def test_weights_are_a_distribution_that_starts_uniform(tokens: int, width: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    net, features = WeightNet(width, rng), torch.randn(tokens, width, generator=rng)
    assert torch.allclose(net(features), torch.full((tokens,), 1 / tokens))
    with torch.no_grad():
        net.last.weight.normal_(generator=rng)
    weights = net(features)
    assert torch.isclose(weights.sum(), torch.tensor(1.0))
    assert bool((weights > 0).all())


def test_features_are_constants() -> None:
    features = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    WeightNet(3, torch.Generator().manual_seed(0))(features)[0].backward()
    assert features.grad is None


def test_uniform_weights_give_the_mean_likelihood() -> None:
    log_probs = torch.tensor([-1.0, -2.0, -6.0])
    assert float(weighted_nll(torch.full((3,), 1 / 3), log_probs)) == 3.0


def test_disc_loss_is_cross_entropy_over_labels_or_minus_the_share() -> None:
    log_probs = torch.tensor([[0.2], [0.1], [0.1]]).log()
    assert torch.allclose(token_disc_loss(log_probs, "log"), -torch.tensor([0.5]).log())
    assert torch.allclose(token_disc_loss(log_probs, "ratio"), torch.tensor([-0.5]))
