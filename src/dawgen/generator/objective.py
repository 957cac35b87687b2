"""The losses of one generator on one batch: L_DawGen(Q; W) = L_wGen + dist_weight * L_dist, L_disc, and dL_disc/dW."""

from typing import Any, Literal

import torch
from torch import Tensor

from dawgen.config import GeneratorConfig
from dawgen.generator.alignment import alignment_loss
from dawgen.generator.meta import (
    STEP,
    Encoding,
    differentiate_by_difference,
    differentiate_by_jvp,
    gradient_of,
    virtual_step,
)
from dawgen.generator.prefix import Prefix, Q
from dawgen.generator.rows import Batch
from dawgen.generator.weighting import WeightNet, token_disc_loss, weighted_nll


class Objective:
    """The losses of one generator on one batch, as functions of Q and of the token weights."""

    def __init__(self, prefix: Prefix, batch: Batch, config: GeneratorConfig) -> None:
        self.prefix, self.batch, self.config = prefix, batch, config
        self.aligned = config.kind == "dawgen" and config.dist_weight > 0
        self._all = batch.under_other_labels(prefix.labels, own=True)

    def encode(self, q: Q) -> Encoding:
        """Run the rows under their own label, and under all labels where alignment reading B asks for it."""
        if not (self.aligned and self.config.alignment == "B"):
            states = self.prefix.states(self.batch, q)
            return Encoding(self.prefix.log_probs(states, self.batch.targets, q), states[None])
        states = self.prefix.states(self._all, q)
        states = states.view(self.prefix.labels, -1, states.shape[-1])
        return Encoding(self.prefix.log_probs(states[0], self.batch.targets, q), states)

    def inner(self, weights: Tensor, encoding: Encoding) -> Tensor:
        """Return L_DawGen (or L_wGen for the other kinds), a scalar, for weights [N]."""
        loss = weighted_nll(weights, encoding.log_probs)
        return loss + self.config.dist_weight * self.align(weights, encoding) if self.aligned else loss

    def align(self, weights: Tensor, encoding: Encoding) -> Tensor:
        """Return L_dist, a scalar, for weights [N]."""
        batch, config = self.batch, self.config
        options: dict[str, Any] = {"margin": config.margin, "reading": config.alignment}
        return alignment_loss(encoding.states, weights, batch.rows, batch.labels, **options)

    def disc(self, q: Q) -> Tensor:
        """Return L_disc, the mean discriminative loss of the target tokens."""
        log_probs = self.prefix.log_probs(self.prefix.states(self._all, q), self._all.targets, q)
        return token_disc_loss(log_probs.view(self.prefix.labels, -1), self.config.disc_loss).mean()

    @torch.no_grad()
    def features(self, encoding: Encoding, q: Q) -> Tensor:
        """Return the weight net's input [N,H] or [N,1], constant: Phi is never differentiated in Q."""
        if self.config.weight_input == "hidden":
            return encoding.states[0].detach().float()
        other = self.batch.under_other_labels(self.prefix.labels, own=False)
        log_probs = self.prefix.log_probs(self.prefix.states(other, q), other.targets, q)
        log_probs = torch.cat([encoding.log_probs.detach()[None], log_probs.view(self.prefix.labels - 1, -1)])
        return token_disc_loss(log_probs, self.config.disc_loss)[:, None]


def meta_gradient(
    objective: Objective,
    net: WeightNet,
    q: Q,
    encoding: Encoding,
    features: Tensor,
    *,
    how: Literal["difference", "jvp"],
) -> tuple[list[Tensor], Tensor]:
    """Return dL_disc(Q')/dW, one tensor per parameter of the weight net, and L_disc(Q'); see `meta.py`.

    `encoding` is that of Q with its graph, which stays usable.
    """
    weights, rate = net(features), objective.config.meta_lr
    moved = virtual_step(q, objective.inner(weights.detach(), encoding), rate)
    disc = objective.disc(moved)
    v = gradient_of(disc, moved)
    constants = {name: value.detach() for name, value in q.items()}
    if how == "jvp":
        slope = differentiate_by_jvp(objective.encode, lambda at: objective.inner(weights, at), constants, v)
    else:
        step = STEP[objective.prefix.model.dtype]
        slope = differentiate_by_difference(
            objective.encode, lambda at: objective.inner(weights, at), constants, v, step=step
        )
    if not slope.requires_grad:  # v = 0: nothing to learn from this batch
        return [torch.zeros_like(parameter) for parameter in net.parameters()], disc.detach()
    return list(torch.autograd.grad(-rate * slope, list(net.parameters()))), disc.detach()
