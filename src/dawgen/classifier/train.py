"""Trains a soft prompt on the frozen target (paper, Algorithm 2): d = d_real + eps * surgery(d_syn); P <- P - eta * d.

One sweep over the rows gives both gradients: each source, or each synthetic row, has its own copy of the prompt.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Adafactor

from dawgen.classifier.checkpoint import Trained, hash_run, resume, save
from dawgen.classifier.curriculum import Batch, Curriculum
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.rows import Rows, Source
from dawgen.classifier.score import judge_scores, score_rows
from dawgen.classifier.surgery import Operated, operate
from dawgen.config import Schedule, TargetConfig
from dawgen.errors import DawgenError
from dawgen.models.load import Backbone
from dawgen.prompt.soft_prompt import SoftPrompt

CHECKPOINT_EVERY = 25  # steps

Log = Callable[[dict[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Moment:
    """A step before its update, as `watch` sees it.

    step: from 0. prompt: [P,H]. gradients: [G,P,H] of the step's groups of rows: one of all rows, or under `paired` the
    real rows' and then the synthetic rows' or each synthetic row's. operated: the result of surgery, None without it.
    """

    step: int
    prompt: Tensor
    batch: Batch
    gradients: Tensor
    operated: Operated | None


Watch = Callable[[Moment], object]


def train_prompt(
    backbone: Backbone,
    start: Tensor,
    word_ids: Sequence[int],
    real: Source,
    synthetic: Source,
    config: TargetConfig,
    *,
    schedule: Schedule,
    seed: int,
    dev: Rows | None = None,
    log: Log | None = None,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train from `start` [P,H] for `config.steps` steps; the backbone does not change. Only the rows of a step are
    rendered, so that the time does not depend on how many rows there are.

    `log` gets one dict per step: step, lr, loss_real, loss_synthetic, and under `paired` cos, conflict, norm_real,
    norm_synthetic, removed (before clipping); after an evaluation on the dev set also dev_accuracy and dev_loss.
    `checkpoint` is written every 25 steps; one of the same data and settings is resumed to the same bytes.
    `watch` is called in every step before the update; it changes nothing, and training ends in the same bytes.

    Raises:
        DawgenError: the loss is no longer finite.
    """
    plan = Curriculum(schedule, real.labels, synthetic.labels, config.steps, config.batch_size, seed)
    soft = SoftPrompt(start).to(backbone.model.device)
    optimizer = _make_optimizer(soft, config)
    state = Trained(soft.embeddings.detach(), torch.zeros(len(start), device=backbone.model.device))
    key = hash_run(backbone, start, word_ids, real, synthetic, dev, config, schedule, seed)
    if checkpoint is not None and checkpoint.is_file():
        resume(checkpoint, key, state, soft, optimizer)
    for step in range(state.step):  # so that a resumed run counts the same texts as cut
        real.take(plan.rows(step).real)
        synthetic.take(plan.rows(step).synthetic)
    while state.step < config.steps:
        batch = plan.rows(state.step)
        ids = real.take(batch.real) + synthetic.take(batch.synthetic)
        labels = [real.labels[row] for row in batch.real] + [synthetic.labels[row] for row in batch.synthetic]
        record: dict[str, Any] = {"stage": "target", "step": state.step + 1}
        paired = schedule == "paired" and bool(batch.real) and bool(batch.synthetic)
        counts = _share_copies(len(batch.real), len(batch.synthetic), paired, config)
        gradients, losses = differentiate(backbone, soft.embeddings, word_ids, ids, labels, counts, config)
        if not bool(torch.isfinite(losses).all()):
            raise DawgenError(
                f"expected a finite loss, got {float(losses.mean()):g} at step {state.step + 1}: training diverged.\n"
                f"Lower target.lr (now {config.lr:g}), or use float32."
            )
        # Surgery sees the raw gradients, before clipping: it compares their directions and lengths.
        operated = _operate(gradients, config, state, record) if paired else None
        gradient = gradients[0] if operated is None else operated.gradient
        if watch is not None:
            watch(Moment(state.step, soft.embeddings.detach().clone(), batch, gradients, operated))
        for name, part in (("real", losses[: len(batch.real)]), ("synthetic", losses[len(batch.real) :])):
            record[f"loss_{name}"] = float(part.mean()) if len(part) else None
        state.touched = torch.maximum(state.touched, gradient.norm(dim=1))
        soft.embeddings.grad = gradient
        torch.nn.utils.clip_grad_norm_(soft.embeddings, config.clip)
        record["lr"] = set_rate(optimizer, config, state.step)
        optimizer.step()
        state.step += 1
        if dev is not None and (state.step % config.eval_every == 0 or state.step == config.steps):
            record |= _look(backbone, soft.embeddings.detach(), word_ids, dev, config, state)
        if log is not None:
            log(record)
        if checkpoint is not None and (state.step % CHECKPOINT_EVERY == 0 or state.step == config.steps):
            save(checkpoint, key, state, soft, optimizer)
    state.prompt = (soft.embeddings if state.best_prompt is None else state.best_prompt).detach().clone()
    return state


def set_rate(optimizer: torch.optim.Optimizer, config: TargetConfig, step: int) -> float:
    """Set and return the step's learning rate: constant, or lr * (1 + cos(pi * step / steps)) / 2."""
    rate = config.lr if config.decay == "constant" else config.lr * (1 + math.cos(math.pi * step / config.steps)) / 2
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def _share_copies(real: int, synthetic: int, paired: bool, config: TargetConfig) -> list[int]:
    if not paired:
        return [real + synthetic]
    return [real, *([1] * synthetic if config.granularity == "example" else [synthetic])]


def _operate(gradients: Tensor, config: TargetConfig, state: Trained, record: dict[str, Any]) -> Operated:
    """Return the result of surgery on a paired step's gradients [G,P,H], and write its numbers into the record."""
    synthetic = gradients[1:] if config.granularity == "example" else gradients[1]
    result = operate(
        gradients[0],
        synthetic,
        rule=config.surgery,
        granularity=config.granularity,
        epsilon=config.epsilon,
        state=state.surgery_state,
    )
    state.surgery_state = result.state
    for name in ("cos", "conflict", "norm_real", "norm_synthetic", "removed"):
        record[name] = getattr(result, name)
    return result


def _look(
    backbone: Backbone, prompt: Tensor, word_ids: Sequence[int], dev: Rows, config: TargetConfig, state: Trained
) -> dict[str, Any]:
    """Score the dev set and keep the prompt if it is the best so far."""
    scores = score_rows(backbone, dev.ids, word_ids, prompt, decoder_sentinel=config.decoder_sentinel)
    accuracy, loss = judge_scores(scores, dev.labels)
    # A small dev set gives many equal accuracies: the loss decides among them, then the earlier step.
    if (accuracy, -loss) > (state.best_accuracy, -state.best_loss):
        state.best_step, state.best_accuracy, state.best_loss = state.step, accuracy, loss
        state.best_prompt = prompt.clone()
    return {"dev_accuracy": accuracy, "dev_loss": loss}


def _make_optimizer(soft: SoftPrompt, config: TargetConfig) -> torch.optim.Optimizer:
    if config.optimizer == "adamw":
        return torch.optim.AdamW(soft.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    # transformers' Adafactor: PyTorch's always scales steps by the parameter's size, which prompt tuning switches off
    optimizer: torch.optim.Optimizer = Adafactor(
        soft.parameters(),
        lr=config.lr,
        scale_parameter=False,
        relative_step=False,
        warmup_init=False,
        weight_decay=config.weight_decay,
    )
    return optimizer
