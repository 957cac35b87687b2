"""The loop of all methods that train weights: AdamW with linear decay to 0, keeping the best weights on the dev set.

A step has as many rows as one of prompt tuning: Curriculum "real", 2 * batch_size of them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from dawgen.classifier.batches import batch_rows
from dawgen.classifier.curriculum import Curriculum
from dawgen.classifier.diagnose import find_collapse, find_flip
from dawgen.classifier.gradients import measure_losses
from dawgen.classifier.metrics import judge_scores
from dawgen.classifier.rows import LazyRows, Rows, render_rows
from dawgen.data.balance import weigh_labels
from dawgen.errors import DawgenError
from dawgen.methods.interface import Given
from dawgen.methods.weights.tuned import TunedTarget
from dawgen.models.attention import ease_attention


class Best:
    """The weights that were best on the dev set: by accuracy, then by loss. They are kept on the CPU."""

    def __init__(self) -> None:
        self.accuracy, self.loss, self.weights = -1.0, math.inf, list[Tensor]()

    def look(self, tuned: TunedTarget, dev: Rows) -> dict[str, float]:
        """Score the dev set, keep a copy of the weights if they are the best so far; return the fields for the log."""
        accuracy, loss = judge_scores(tuned.score_all(dev.ids), dev.labels)
        if (accuracy, -loss) > (self.accuracy, -self.loss):
            self.accuracy, self.loss = accuracy, loss
            self.weights = [weight.detach().to("cpu", copy=True) for weight in tuned.parameters]
        return {"dev_accuracy": accuracy, "dev_loss": loss}

    @torch.no_grad()
    def restore(self, tuned: TunedTarget) -> None:
        """Put the best weights back."""
        for weight, best in zip(tuned.parameters, self.weights, strict=True):
            weight.copy_(best)


def tune(tuned: TunedTarget, given: Given, *, lr: float) -> TunedTarget:
    """Train the target's trainable weights in place on the real examples and return it.

    A killed training starts again: its checkpoint would be three times the model's size.

    Raises:
        DawgenError: the loss is no longer finite.
    """
    config = given.target
    scorer, labels = tuned.scorer, given.task.labels
    rows = LazyRows(scorer, given.real, labels, "real examples")
    dev, cut = render_rows(scorer, given.dev, labels, "dev examples") if given.dev else (None, 0)
    plan = Curriculum("real", rows.labels, (), config.steps, config.batch_size, given.seed)
    weights = weigh_labels(rows.labels) if given.weigh else None
    optimizer = torch.optim.AdamW(tuned.parameters, lr=lr, weight_decay=config.weight_decay)
    best = Best()
    for step in range(config.steps):
        rate = lr * (1 - step / config.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = plan.rows(step).real
        loss = _accumulate(tuned, rows, chosen, weights)
        if not math.isfinite(loss):
            raise DawgenError(
                f"expected a finite loss, got {loss:g} at step {step + 1}: training diverged.\n"
                f"Lower the rate in baselines (now {lr:g})."
            )
        torch.nn.utils.clip_grad_norm_(tuned.parameters, config.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        done = step + 1
        record: dict[str, Any] = {
            "stage": "target",
            "step": done,
            "loss_real": loss,
            "loss_synthetic": None,
            "lr": rate,
        }
        if dev is not None and (done % config.eval_every == 0 or done == config.steps):
            record |= best.look(tuned, dev)
        if given.log is not None:
            given.log(record)
    if dev is not None:
        best.restore(tuned)
        tuned.dev_accuracy_ = best.accuracy
    for weight in tuned.parameters:
        weight.requires_grad_(False)
    tuned.warnings_ = _diagnose(tuned, given, cut + len(rows.cut))
    return tuned


def _accumulate(tuned: TunedTarget, rows: LazyRows, chosen: tuple[int, ...], weights: dict[int, float] | None) -> float:
    """Add up the gradient of the step's mean loss, in batches of rows of similar length; return the loss."""
    ids, labels = rows.take(chosen), [rows.labels[row] for row in chosen]
    device, smoothing = tuned.scorer.backbone.model.device, tuned.config.label_smoothing
    total = torch.zeros((), device=device)
    for batch in batch_rows([len(tuned.prompt) + len(row) for row in ids], device.type):
        with ease_attention(tuned.scorer.backbone.model):
            scores = tuned.score([ids[row] for row in batch])
        targets = torch.tensor([labels[row] for row in batch], device=device)
        losses = measure_losses(scores, targets, smoothing)
        if weights is not None:
            losses = losses * torch.tensor([weights[labels[row]] for row in batch], device=device)
        loss = losses.sum() / len(ids)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    return float(total)


def _diagnose(tuned: TunedTarget, given: Given, cut: int) -> list[str]:
    """Return the same warnings as `PromptClassifier`."""
    judged, where = (given.dev, "dev set") if given.dev else (given.real, "training rows")
    truth, predicted = [str(example.label) for example in judged], tuned.predict(judged).tolist()
    return [
        *([f"cut: {cut} training or dev examples to {tuned.config.max_tokens} tokens or less"] if cut else []),
        *find_collapse(truth, predicted, where),
        *(find_flip(truth, predicted, where) if given.dev else []),
    ]
