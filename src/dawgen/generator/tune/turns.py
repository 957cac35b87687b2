"""Tuning a few labels at a time, where there are too many for one batch: a step costs the same however many there are.

Each label has its own moments in the optimizer and its own count of steps, which change only when the label has its
turn: the mean of past gradients would else go on moving a label that a batch does not have.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dawgen.generator.codec import Batch
from dawgen.generator.prefix import Prefix, Q
from dawgen.rng import python_rng


def take_labels(labels: Sequence[int], most: int, seed: int, step: int) -> list[int]:
    """Return the labels of a batch: all, or `most` different ones, the next of a shuffle of all.

    The last batch of a shuffle is filled up with its first labels: no batch has a label twice, as alignment needs two.
    """
    if len(labels) <= most:
        return list(labels)
    turn, batch = divmod(step, -(-len(labels) // most))
    order = list(labels)
    python_rng(seed, "generator/labels", turn).shuffle(order)
    return sorted((order + order)[batch * most : (batch + 1) * most])


class Turns:
    """The parts of a prefix that belong to single labels, views of its tensors, and the few that a batch needs."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix
        self.parts = {
            name: [value.detach()] if name == "end" else list(value.detach().unbind(0))
            for name, value in prefix.q.items()
        }
        self._active: list[int] = []

    @property
    def parameters(self) -> list[Tensor]:
        """What an optimizer moves; a part without a gradient keeps still."""
        return [part for parts in self.parts.values() for part in parts]

    def take(self, batch: Batch) -> tuple[Prefix, Batch]:
        """Return a prefix of the labels that the batch is read under, with fresh leaves, and the batch on it."""
        whole = self.prefix
        self._own = sorted(set(batch.labels.tolist()))
        self._active = sorted(set(whole.held[batch.labels].flatten().tolist()))
        active = torch.tensor(self._active, device=whole.mask.device)
        place = torch.zeros(whole.labels, dtype=torch.long, device=active.device)
        place[active] = torch.arange(len(active), device=active.device)
        q = {
            name: (value if name == "end" else value[active]).detach().clone().requires_grad_()
            for name, value in whole.q.items()
        }
        # Rivals of labels that have no row in the batch may be missing: they are never looked up.
        rivals = None if whole.rivals is None else place[whole.rivals[active]]
        return Prefix(whole.model, q, whole.control, whole.mask[active], rivals), replace(
            batch, labels=place[batch.labels]
        )

    def give(self, q: Q, *, all_read: bool) -> None:
        """Hand the gradients of what `take` returned to the parts: of the batch's own labels, or of all it is read
        under, where the loss depends on those."""
        for part in self.parameters:
            part.grad = None
        for name, value in q.items():
            assert value.grad is not None, "the backward pass came before"
            if name == "end":
                self.parts[name][0].grad = value.grad
                continue
            for place, label in enumerate(self._active):
                if all_read or label in self._own:
                    self.parts[name][label].grad = value.grad[place]
