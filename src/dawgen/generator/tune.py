"""Generator tuning: paper, Algorithm 1, with L_DawGen(Q; W) = L_wGen + dist_weight * L_dist.

Each step, on one class-balanced batch: (i) Q' = virtual gradient step on L_DawGen; (ii) W takes a step on L_disc(Q');
(iii) Q takes a step on L_DawGen with the new W, whose graph is that of (i). Dropout is off throughout.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dawgen.config import GeneratorConfig
from dawgen.files import write_with
from dawgen.generator.meta import Encoding
from dawgen.generator.objective import Objective, meta_gradient
from dawgen.generator.prefix import Prefix
from dawgen.generator.rows import Row, collate
from dawgen.generator.weighting import WeightNet
from dawgen.rng import python_rng, torch_rng

Log = Callable[[dict[str, Any]], object]
CHECKPOINT_EVERY = 25


def draw_batch(rows: Sequence[Row], per_label: int, seed: int, step: int) -> list[Row]:
    """Return `per_label` rows of every label: a pure function of (rows, seed, step)."""
    rng = python_rng(seed, "generator/batch", step)
    groups = defaultdict(list)
    for row in rows:
        groups[row.label].append(row)
    picks = [
        rng.sample(group, per_label) if len(group) >= per_label else rng.choices(group, k=per_label)
        for _, group in sorted(groups.items())
    ]
    return [row for group in picks for row in group]


def tune(
    prefix: Prefix,
    rows: Sequence[Row],
    config: GeneratorConfig,
    *,
    seed: int = 0,
    log: Log | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Tune `prefix.q` in place for `config.steps` steps; `untuned` returns at once.

    With `checkpoint` the state is saved every 25 steps, and a call with the same rows and settings goes on from it to
    the same bytes as an uninterrupted one; a checkpoint of anything else is ignored.
    """
    if config.kind == "untuned":
        return
    q, device = prefix.q, prefix.model.device
    for value in q.values():
        value.requires_grad_()
    width = q["inputs"].shape[-1] if config.weight_input == "hidden" else 1
    net = WeightNet(width, torch_rng(seed, "generator/weights")).to(device)
    optimizer = torch.optim.AdamW(q.values(), lr=config.lr, weight_decay=0.0)
    weight_optimizer = torch.optim.Adam(net.parameters(), lr=config.weight_lr, weight_decay=1e-4)  # (FewGen)
    weighted = config.kind in ("weighted", "dawgen") and prefix.labels > 1
    identity = _identify(rows, config, seed, prefix)
    state = _Checkpoint(checkpoint, identity, {"q": q, "net": net.state_dict()}, optimizer, weight_optimizer)
    for step in range(state.restore(), config.steps):
        left = 1 - step / config.steps  # linear decay (FewGen)
        for group in optimizer.param_groups:
            group["lr"] = config.lr * left
        for group in weight_optimizer.param_groups:
            group["lr"] = config.weight_lr * left
        batch = collate(draw_batch(rows, config.rows_per_label, seed, step), device)
        objective = Objective(prefix, batch, config)
        encoding = objective.encode(q)
        weights, disc = torch.full_like(encoding.log_probs.detach(), 1 / len(batch.targets)), None
        if weighted:
            features = objective.features(encoding, q)
            if step % config.weight_every == 0:
                gradients, disc = meta_gradient(objective, net, q, encoding, features, how=config.meta)
                for parameter, gradient in zip(net.parameters(), gradients, strict=True):
                    parameter.grad = gradient
                weight_optimizer.step()
            weights = net(features).detach()
        loss = objective.inner(weights, encoding)
        optimizer.zero_grad()
        torch.autograd.backward(loss, inputs=list(q.values()))
        torch.nn.utils.clip_grad_norm_(list(q.values()), config.clip)
        optimizer.step()
        if log is not None:
            log(_describe(step, config, objective, encoding, weights, loss, disc, config.lr * left))
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == config.steps:
            state.save(step + 1)
    for value in q.values():
        value.requires_grad_(False)


def _describe(
    step: int,
    config: GeneratorConfig,
    objective: Objective,
    encoding: Encoding,
    weights: Tensor,
    loss: Tensor,
    disc: Tensor | None,
    lr: float,
) -> dict[str, Any]:
    entropy = -(weights * weights.clamp(min=1e-30).log()).sum()
    return {
        "stage": "generator",
        "kind": config.kind,
        "step": step,
        "loss": float(loss.detach()),
        "nll": float(-encoding.log_probs.detach().mean()),
        "disc_loss": None if disc is None else float(disc),
        "align": float(objective.align(weights, encoding).detach()) if objective.aligned else None,
        "effective_tokens": float(entropy.exp()),
        "tokens": len(weights),
        "lr": lr,
    }


def _identify(rows: Sequence[Row], config: GeneratorConfig, seed: int, prefix: Prefix) -> str:
    """Return a hash of all that the result of tuning depends on, the prefix's start included."""
    digest = hashlib.sha256(json.dumps([config.model_dump(mode="json"), seed]).encode())
    digest.update(json.dumps([[row.label, row.context, row.target] for row in rows]).encode())
    for name, value in prefix.q.items():
        digest.update(name.encode() + value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


class _Checkpoint:
    """Saves and restores tensors and optimisers in place, under an identity."""

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
        """Return the step to go on with: 0 without a fitting checkpoint."""
        if self.path is None or not self.path.exists():
            return 0
        state = torch.load(self.path, weights_only=True)
        if state["identity"] != self.identity:
            return 0
        with torch.no_grad():
            for name, group in self.tensors.items():
                for key, value in group.items():
                    value.copy_(state["tensors"][name][key])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        return int(state["step"])
