"""The losses of one generator on one batch: L_DawGen(Q; W) = L_wGen + dist_weight * L_dist, L_disc, and dL_disc/dW."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from dawgen.config import GeneratorConfig
from dawgen.generator.codec import Batch
from dawgen.generator.prefix import Prefix, Q
from dawgen.generator.tune.alignment import alignment_loss, compare
from dawgen.generator.tune.likelihood import Likelihood
from dawgen.generator.tune.meta import (
    differentiate_along,
    differentiate_by_difference,
    differentiate_by_jvp,
    gradient_of,
    virtual_step,
)
from dawgen.generator.tune.weighting import WeightNet, token_disc_loss, weighted_nll


class Encoding(NamedTuple):
    """What the losses need of the language model: the own label's likelihood of the targets, and states [M,N,H]."""

    own: Likelihood
    states: Tensor


class Losses(NamedTuple):
    """The inner loss, to be minimised in Q, and its parts: scalars; align is None where it is not in use."""

    inner: Tensor
    weighted: Tensor
    align: Tensor | None


class Objective:
    """The losses of one generator on one batch, as functions of Q and of the token weights."""

    def __init__(self, prefix: Prefix, batch: Batch, config: GeneratorConfig) -> None:
        self.prefix, self.batch, self.config = prefix, batch, config
        self.aligned = config.kind == "dawgen" and config.dist_weight > 0
        self.everywhere = self.aligned and config.alignment == "B"  # the loss reads states under every label
        held = prefix.held
        self._ways, self._others = held.shape[1], held[:, 1:]
        self._all = batch.under(held)
        self._triples = compare(batch.labels, config.alignment, others=self._ways - 1) if self.aligned else None

    def states(self, q: Q) -> Tensor:
        """Return states [M,N,H] of the target positions: M=1 under the own label, or all that a text is read under, own
        label first, where alignment reading B needs them."""
        if not self.everywhere:
            return self.prefix.states(self.batch, q)[None]
        states = self.prefix.states(self._all, q)
        return states.view(self._ways, -1, states.shape[-1])

    def encode(self, q: Q) -> Encoding:
        """Run the model once, with a graph if Q has one."""
        states = self.states(q)
        return Encoding(self.prefix.likelihood(states[0], self.batch.targets, q), states)

    def losses(self, weights: Tensor, log_probs: Tensor, states: Tensor) -> Losses:
        """Return L_DawGen (L_wGen for kinds without alignment) for weights [N], log_probs [N] and states [M,N,H]."""
        weighted = weighted_nll(weights, log_probs)
        if self._triples is None:
            return Losses(weighted, weighted, None)
        config, rows = self.config, self.batch.rows
        align = alignment_loss(states, weights, rows, self._triples, margin=config.margin, reading=config.alignment)
        return Losses(weighted + config.dist_weight * align, weighted, align)

    def disc(self, q: Q) -> Tensor:
        """Return L_disc, the mean discriminative loss of the target tokens."""
        log_probs = self.prefix.log_probs(self.prefix.states(self._all, q), self._all.targets, q)
        return token_disc_loss(log_probs.view(self._ways, -1), self.config.disc_loss).mean()

    @torch.no_grad()
    def features(self, encoding: Encoding, q: Q) -> Tensor:
        """Return the weight net's input [N,H] or [N,1], as constants: Phi is never differentiated in Q."""
        if self.config.weight_input == "hidden":
            return encoding.states[0].detach().float()
        other = self.batch.under(self._others)
        states = encoding.states[1:].flatten(0, 1) if self.everywhere else self.prefix.states(other, q)
        log_probs = self.prefix.log_probs(states, other.targets, q)
        log_probs = torch.cat([encoding.own.log_probs.detach()[None], log_probs.view(self._ways - 1, -1)])
        return token_disc_loss(log_probs, self.config.disc_loss)[:, None]

    @torch.no_grad()
    def tangents(self, encoding: Encoding, q: Q, v: Q, how: Literal["difference", "jvp"]) -> list[Tensor]:
        """Return the derivatives along v of the own label's log_probs [N] and of the states [M,N,H].

        Half precision always takes jvp: a difference would lose its digits to rounding.
        """
        if how == "jvp" or self.prefix.model.dtype != torch.float32:
            states = differentiate_by_jvp(self.states, q, v)
        else:
            states = differentiate_by_difference(self.states, q, v, encoding.states)
        own = encoding.own  # no second pass through the head: the derivatives of log_probs in the states are known
        assert own.by_state is not None, "the encoding was made without a graph"
        log_probs = (own.by_state.float() * states[0]).sum(-1)
        if own.by_end is not None:
            log_probs = log_probs + own.by_end * (encoding.states[0].float() @ v["end"])
        return [log_probs, states]


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
    point = [encoding.own.log_probs, encoding.states]
    # W is a constant in the virtual step: how Q' depends on W is the derivative of `slope` (`meta.py`), which needs no
    # graph of the language model.
    moved = virtual_step(q, objective.losses(weights.detach(), *point).inner, rate)
    disc = objective.disc(moved)
    v = gradient_of(disc, moved)
    tangents = objective.tangents(encoding, q, v, how)
    slope = differentiate_along(lambda *at: objective.losses(weights, *at).inner, point, tangents)
    return list(torch.autograd.grad(-rate * slope, list(net.parameters()))), disc.detach()
