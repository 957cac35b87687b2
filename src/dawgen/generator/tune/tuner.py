"""Generator tuning: paper, Algorithm 1, with L_DawGen(Q; W) = L_wGen + dist_weight * L_dist.

Each step, on one class-balanced batch: (i) Q' = virtual gradient step on L_DawGen; (ii) W takes a step on L_disc(Q');
(iii) Q takes a step on L_DawGen with the new W, whose graph is that of (i). Dropout is off throughout.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dawgen.config import SEED, GeneratorConfig
from dawgen.files import write_with
from dawgen.generator.codec import Batch, TokenRow, collate
from dawgen.generator.prefix import Prefix
from dawgen.generator.tune.objective import Objective, meta_gradient
from dawgen.generator.tune.turns import Turns, take_labels
from dawgen.generator.tune.weighting import WeightNet
from dawgen.models.attention import ease_attention
from dawgen.rng import python_rng, torch_rng

Log = Callable[[dict[str, Any]], object]
CHECKPOINT_EVERY = 25


def count_steps(config: GeneratorConfig, labels: int) -> int:
    """Return how many steps give each of so many labels as many turns as `steps` gives to all where they are few."""
    return -(-config.steps * max(labels, config.rivals + 1) // (config.rivals + 1))


def count_done(record: Mapping[str, Any]) -> int:
    """Return how many steps are done at a record of `tune`, whose first step is 0."""
    return int(record["step"]) + 1


def draw_batch(
    rows: Sequence[TokenRow], per_label: int, seed: int, step: int, *, labels: int | None = None
) -> list[TokenRow]:
    """Return `per_label` rows of every label, or of `labels` of them in turn: a pure function of (rows, seed, step)."""
    rng = python_rng(seed, "generator/batch", step)
    # Balanced: alignment compares two rows of one label with a row of another, so every batch needs both.
    groups = defaultdict(list)
    for row in rows:
        groups[row.label].append(row)
    picks = [
        rng.sample(group, per_label) if len(group) >= per_label else rng.choices(group, k=per_label)
        for group in (groups[label] for label in take_labels(sorted(groups), labels or len(groups), seed, step))
    ]
    return [row for group in picks for row in group]


class Tuner:
    """What changes while a prefix is tuned: the prefix, the weight net and the states of their optimizers."""

    def __init__(self, prefix: Prefix, config: GeneratorConfig, *, seed: int = SEED) -> None:
        self.prefix, self.config, q = prefix, config, prefix.q
        self.steps = count_steps(config, prefix.labels)
        self.turns = None if prefix.rivals is None else Turns(prefix)
        if self.turns is None:
            for value in q.values():
                value.requires_grad_()
        width = q["inputs"].shape[-1] if config.weight_input == "hidden" else 1
        self.net = WeightNet(width, torch_rng(seed, "generator/weights")).to(prefix.model.device)
        tuned = q.values() if self.turns is None else self.turns.parameters
        self.optimizer = torch.optim.AdamW(tuned, lr=config.lr, weight_decay=0.0)
        # decay as in FewGen
        self.weight_optimizer = torch.optim.Adam(self.net.parameters(), lr=config.weight_lr, weight_decay=1e-4)
        self.weighted = config.kind in ("weighted", "dawgen") and prefix.labels > 1

    def step(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Take step `number` of Algorithm 1, 0 the first; return its scalars, which stay on the device."""
        config, prefix = self.config, self.prefix
        self._set_rates(number)
        if self.turns is not None:
            prefix, batch = self.turns.take(batch)
        q, objective = prefix.q, Objective(prefix, batch, config)
        encoding = objective.encode(q)
        log_probs = encoding.own.log_probs
        weights, found = torch.full_like(log_probs.detach(), 1 / len(batch.targets)), {}
        if self.weighted:
            features = objective.features(encoding, q)
            # The meta-gradient is most of a step's time; taking it every 4th step costs no label fidelity that five
            # seeds show (experiments/LOG.md).
            if number % config.weight_every == 0:
                gradients, disc = meta_gradient(objective, self.net, q, encoding, features, how=config.meta)
                for parameter, gradient in zip(self.net.parameters(), gradients, strict=True):
                    parameter.grad = gradient
                self.weight_optimizer.step()
                found["disc_loss"] = disc
            weights = self.net(features).detach()
        losses = objective.losses(weights, log_probs, encoding.states)
        self.optimizer.zero_grad()
        torch.autograd.backward(losses.inner, inputs=list(q.values()))
        torch.nn.utils.clip_grad_norm_(list(q.values()), config.clip)
        if self.turns is not None:
            self.turns.give(q, all_read=objective.everywhere)
        self.optimizer.step()
        if losses.align is not None:
            found["align"] = losses.align.detach()
        entropy = -(weights * weights.clamp(min=1e-30).log()).sum()
        return found | {
            "loss": losses.inner.detach(),
            "nll": -log_probs.detach().mean(),
            "effective_tokens": entropy.exp(),
        }

    @property
    def rate(self) -> float:
        """The prefix's learning rate at the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _set_rates(self, number: int) -> None:
        left = 1 - number / self.steps  # linear decay (FewGen)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.lr * left
        for group in self.weight_optimizer.param_groups:
            group["lr"] = self.config.weight_lr * left


def tune(
    prefix: Prefix,
    rows: Sequence[TokenRow],
    config: GeneratorConfig,
    *,
    seed: int = SEED,
    log: Log | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Tune `prefix.q` in place for `count_steps` steps; `untuned` returns at once.

    With more labels than a text is held against, a batch has rivals + 1 of them.

    With `checkpoint` the state is saved every 25 steps. A call with the same rows and settings resumes from it and ends
    with the same bytes as an uninterrupted one; a checkpoint of other rows or settings is ignored.
    """
    if config.kind == "untuned":
        return
    identity = _identify(rows, config, seed, prefix)
    tuner = Tuner(prefix, config, seed=seed)
    tensors = {"q": prefix.q, "net": tuner.net.state_dict()}
    state = _Checkpoint(checkpoint, identity, tensors, tuner.optimizer, tuner.weight_optimizer)
    most = None if prefix.rivals is None else config.rivals + 1
    for step in range(state.restore(), tuner.steps):
        drawn = draw_batch(rows, config.rows_per_label, seed, step, labels=most)
        batch = collate(drawn, prefix.model.device)
        with ease_attention(prefix.model):
            found = tuner.step(step, batch)
        if log is not None:
            log(_describe(step, config, len(batch.targets), found, tuner.rate))
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == tuner.steps:
            state.save(step + 1)
    for value in prefix.q.values():
        value.requires_grad_(False)


def _describe(step: int, config: GeneratorConfig, tokens: int, found: dict[str, Tensor], lr: float) -> dict[str, Any]:
    """Return the step's line of the log; its scalars come from the device in one copy."""
    numbers = dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))
    return {
        "stage": "generator",
        "kind": config.kind,
        "step": step,
        "loss": numbers["loss"],
        "nll": numbers["nll"],
        "disc_loss": numbers.get("disc_loss"),
        "align": numbers.get("align"),
        "effective_tokens": numbers["effective_tokens"],
        "tokens": tokens,
        "lr": lr,
    }


def _identify(rows: Sequence[TokenRow], config: GeneratorConfig, seed: int, prefix: Prefix) -> str:
    """Return a hash of everything that the result depends on, with the initial prefix."""
    digest = hashlib.sha256(json.dumps([config.model_dump(mode="json"), seed]).encode())
    digest.update(json.dumps([[row.label, row.context, row.target] for row in rows]).encode())
    for name, value in prefix.q.items():
        digest.update(name.encode() + value.detach().cpu().numpy().tobytes())
    if prefix.rivals is not None:
        digest.update(prefix.rivals.cpu().numpy().tobytes())
    return digest.hexdigest()


class _Checkpoint:
    """Saves and restores tensors and optimizer states; a checkpoint of another identity is not restored."""

    def __init__(
        self, path: Path | None, identity: str, tensors: dict[str, Any], *optimizers: torch.optim.Optimizer
    ) -> None:
        self.path, self.identity, self.tensors, self.optimizers = path, identity, tensors, optimizers

    def save(self, step: int) -> None:
        if self.path is None:
            return
        state = {
            "identity": self.identity,
            "step": step,
            "tensors": self.tensors,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        write_with(self.path, lambda temporary: torch.save(state, temporary))

    def restore(self) -> int:
        """Return the step to continue with: 0 if there is no checkpoint of this identity."""
        if self.path is None or not self.path.exists():
            return 0
        state = torch.load(self.path, weights_only=True)
        if state["identity"] != self.identity:
            return 0
        with torch.no_grad():  # in place: prefix and optimizers hold these very tensors
            for name, group in self.tensors.items():
                for key, value in group.items():
                    value.copy_(state["tensors"][name][key])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        return int(state["step"])
