"""Token weights and the discriminative loss that teaches them.

W = softmax over all target tokens of the batch of Phi(input);  L_wGen = - sum_j W_j log Pr(x_j | x_<j; Q_l).
L_disc = - mean_j log( Pr(x_j; Q_l) / sum_l' Pr(x_j; Q_l') )  ("log"), or without the log as printed ("ratio").
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init


class WeightNet(nn.Module):
    """Phi: Linear(d,100), ReLU, Linear(100,1), then a softmax over the batch's target tokens.

    d is the hidden width (paper, R^d -> R) or 1 for the token's discriminative loss (FewGen). The last layer starts at
    zero, so that learning starts from equal weights, that is from plain likelihood.
    """

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first, self.last = _linear(width, 100), _linear(100, 1)
        with torch.no_grad():
            for parameter in self.first.parameters():
                bound = width**-0.5
                parameter.copy_(torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator))
            for parameter in self.last.parameters():
                parameter.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """Return weights [N] that sum to 1 for features [N,d], which are used as constants."""
        scores: Tensor = self.last(torch.relu(self.first(features.detach()))).squeeze(-1)
        return scores.softmax(0)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a layer without values: giving it the usual ones would draw from the global random state."""
    layer: nn.Linear = skip_init(nn.Linear, inputs, outputs)  # type: ignore[no-untyped-call]
    return layer


def token_disc_loss(log_probs: Tensor, kind: Literal["log", "ratio"] = "log") -> Tensor:
    """Return the discriminative loss [N] of each token from log-probabilities [K,N], own label first.

    "log": cross-entropy over labels (FewGen, on log-probabilities instead of raw logits; inferred).
    "ratio": minus the own label's share, as printed in the paper.
    """
    own = log_probs.log_softmax(0)[0]
    return -own if kind == "log" else -own.exp()


def weighted_nll(weights: Tensor, log_probs: Tensor) -> Tensor:
    """Return L_wGen, a scalar, for weights [N] and own-label log-probabilities [N]."""
    return -(weights * log_probs).sum()
