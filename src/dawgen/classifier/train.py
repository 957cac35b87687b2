"""Trains a soft prompt on the frozen target (paper, Algorithm 2): d = d_real + eps * surgery(d_syn); P <- P - eta * d.

The prompt is P = u Z. Clipping, weight decay, the optimiser and its epsilon see Z and dL/dZ = u dL/dP. With
`target.rate` u is the unit of the model's embeddings (`models.units`), so that one rate fits models of any scale; with
`target.lr` it is 1.

One sweep over the rows gives both gradients: each source, or each synthetic row, has its own copy of the prompt.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Adafactor

from dawgen.classifier.checkpoint import Trained, resume, save
from dawgen.classifier.curriculum import Batch, Curriculum
from dawgen.classifier.diagnose import find_far_rows, find_slow_start, name_rate, watch_third
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.metrics import judge_scores
from dawgen.classifier.rows import Rows, Source
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.surgery import Operated, operate
from dawgen.config import Schedule, TargetConfig
from dawgen.data.balance import weigh_labels, weigh_rows
from dawgen.errors import DawgenError
from dawgen.models.units import measure_reach
from dawgen.prompt.soft_prompt import SoftPrompt

CHECKPOINT_EVERY = 25  # steps
# Nats: a mean training loss below it counts as 0. The right label has 98 % of the probability among the labels by then,
# and gradients are so small that the prompt hardly moves.
LEARNED = 0.02

Log = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Training:
    """All that the result of a training depends on beside the scorer and the prompt's start.

    dev: rows that choose the best prompt, None for none. weigh: whether the loss of a row is weighted by how few of its
    source have its label, `data.balance`.
    """

    real: Source
    synthetic: Source
    dev: Rows | None
    schedule: Schedule
    seed: int
    config: TargetConfig
    weigh: bool = False

    def hash(self, scorer: Scorer, start: Tensor) -> str:
        """Return a hash of the whole, by which a checkpoint is known."""
        digest = hashlib.sha256(scorer.backbone.fingerprint.encode())
        digest.update(start.detach().float().cpu().contiguous().numpy().tobytes())
        rows = [None if source is None else source.key for source in (self.real, self.synthetic, self.dev)]
        # as before there was an early end, without one
        without = {"temperature"} | (set() if self.config.patience else {"patience"})
        config = self.config.model_dump(mode="json", exclude=without)
        for part in (scorer.words.stored, scorer.front, *rows, config, self.schedule, self.seed):
            digest.update(json.dumps(part).encode())
        if self.weigh:
            digest.update(b"weigh")
        return digest.hexdigest()


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
    scorer: Scorer,
    start: Tensor,
    training: Training,
    *,
    log: Log | None = None,
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train from `start` [P,H] for `config.steps` steps; the backbone does not change. Only the rows of a step are
    rendered, so that the time does not depend on how many rows there are.

    `log` gets one dict per step: step, lr (of P), rate (lr in units of the embeddings), loss_real, loss_synthetic, and
    under `paired` cos, conflict, norm_real, norm_synthetic, removed (of dL/dP, before clipping); after an evaluation on
    the dev set also dev_accuracy and dev_loss; where the rate does not seem to fit, warnings; where training ends
    before its last step, ended: why. It does with `config.patience` > 0 at a look at the dev set, when the mean loss
    since the look before is below `LEARNED` and so many looks in a row have not had a better accuracy. The rates of the
    steps before are those of the whole schedule.
    `checkpoint` is written every 25 steps; one of the same data and settings is resumed to the same bytes.
    `watch` is called in every step before the update; it changes nothing, and training ends in the same bytes.

    Raises:
        DawgenError: the loss is no longer finite.
    """
    config, real, synthetic = training.config, training.real, training.synthetic
    plan = Curriculum(training.schedule, real.labels, synthetic.labels, config.steps, config.batch_size, training.seed)
    device = scorer.backbone.model.device
    unit = 1.0 if config.lr is not None else scorer.backbone.unit
    soft = SoftPrompt(start / unit).to(device)
    optimizer = _make_optimizer(soft, config)
    state = Trained(unit * soft.embeddings.detach(), torch.zeros(len(start), device=device))
    key = training.hash(scorer, start)
    if checkpoint is not None and checkpoint.is_file():
        resume(checkpoint, key, state, soft, optimizer)
    for step in range(state.step):  # so that a resumed run counts the same texts as cut
        real.take(plan.rows(step).real)
        synthetic.take(plan.rows(step).synthetic)
    window = watch_third(config.steps)
    weights = [weigh_labels(source.labels) if training.weigh else None for source in (real, synthetic)]
    while state.step < config.steps and state.ended is None:
        batch = plan.rows(state.step)
        ids = real.take(batch.real) + synthetic.take(batch.synthetic)
        labels = [real.labels[row] for row in batch.real] + [synthetic.labels[row] for row in batch.synthetic]
        record: dict[str, Any] = {"stage": "target", "step": state.step + 1}
        paired = training.schedule == "paired" and bool(batch.real) and bool(batch.synthetic)
        # the rows that share a copy of the prompt: all, or the real ones and then the synthetic ones or each of these
        others = [1] * len(batch.synthetic) if config.granularity == "example" else [len(batch.synthetic)]
        counts = [len(batch.real), *others] if paired else [len(ids)]
        prompt = unit * soft.embeddings.detach()
        row_weights = None
        if any(weights):
            row_weights = [
                weight
                for part, of_label in zip((labels[: len(batch.real)], labels[len(batch.real) :]), weights, strict=True)
                for weight in weigh_rows(part, of_label)
            ]
        gradients, losses = differentiate(
            scorer, prompt, ids, labels, counts, smoothing=config.label_smoothing, row_weights=row_weights
        )
        if not bool(torch.isfinite(losses).all()):
            raise DawgenError(
                f"expected a finite loss, got {float(losses.mean()):g} at step {state.step + 1}: training diverged.\n"
                f"Lower {name_rate(config)}, or use float32."
            )
        # Surgery sees the raw gradients, before clipping: it compares their directions and lengths.
        operated = _operate(gradients, config, state, record) if paired else None
        gradient = gradients[0] if operated is None else operated.gradient
        if watch is not None:
            watch(Moment(state.step, prompt, batch, gradients, operated))
        for name, part in (("real", losses[: len(batch.real)]), ("synthetic", losses[len(batch.real) :])):
            record[f"loss_{name}"] = float(part.mean()) if len(part) else None
        if state.step in window:
            state.early += float(losses[: len(batch.real) or None].mean()) / len(window)
        state.touched = torch.maximum(state.touched, gradient.norm(dim=1))
        soft.embeddings.grad = unit * gradient
        torch.nn.utils.clip_grad_norm_(soft.embeddings, config.clip)
        record["lr"] = unit * set_rate(optimizer, config, state.step)
        record["rate"] = record["lr"] / scorer.backbone.unit
        optimizer.step()
        state.step += 1
        state.recent += float(losses.mean())
        if training.dev is not None and (state.step % config.eval_every == 0 or state.step == config.steps):
            record |= _look(scorer, unit * soft.embeddings.detach(), training.dev, state)
            state.ended = _end(config, state)
            state.recent = 0.0
        if state.ended is not None:
            record["ended"] = state.ended
        last = state.step == config.steps or state.ended is not None
        if warnings := _warn(scorer, unit * soft.embeddings.detach(), config, state):
            record["warnings"] = warnings
            state.warnings += warnings
        if log is not None:
            log(record)
        if checkpoint is not None and (state.step % CHECKPOINT_EVERY == 0 or last):
            save(checkpoint, key, state, soft, optimizer)
    state.prompt = unit * soft.embeddings.detach() if state.best_prompt is None else state.best_prompt.clone()
    return state


def find_rate(config: TargetConfig) -> float:
    """Return the rate of Z before its schedule: `lr` where it is given, else `rate`."""
    return config.rate if config.lr is None else config.lr


def set_rate(optimizer: torch.optim.Optimizer, config: TargetConfig, step: int) -> float:
    """Set and return the step's rate of Z: constant, or rate * (1 + cos(pi * step / steps)) / 2."""
    rate = find_rate(config)
    if config.decay == "cosine":
        rate = rate * (1 + math.cos(math.pi * step / config.steps)) / 2
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


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


def _warn(scorer: Scorer, prompt: Tensor, config: TargetConfig, state: Trained) -> list[str]:
    """Return what the steps so far say against the rate: after a third of them, and at the end."""
    if state.step == watch_third(config.steps).stop:
        return find_slow_start(state.early, len(scorer.words.words), config)
    if state.step == config.steps or state.ended is not None:
        return find_far_rows(measure_reach(prompt, scorer.backbone.unit), config)
    return []


def _look(scorer: Scorer, prompt: Tensor, dev: Rows, state: Trained) -> dict[str, Any]:
    """Score the dev set and keep the prompt if it is the best so far."""
    scores = scorer.score(dev.ids, prompt, alone=True)
    accuracy, loss = judge_scores(scores, dev.labels)
    state.still = 0 if accuracy > state.best_accuracy else state.still + 1
    # A small dev set gives many equal accuracies: the loss decides among them, then the earlier step.
    if (accuracy, -loss) > (state.best_accuracy, -state.best_loss):
        state.best_step, state.best_accuracy, state.best_loss = state.step, accuracy, loss
        state.best_prompt = prompt.clone()
    return {"dev_accuracy": accuracy, "dev_loss": loss}


def _end(config: TargetConfig, state: Trained) -> str | None:
    """Return why training ends at this look at the dev set, None where it goes on."""
    if not config.patience or state.step == config.steps or state.still < config.patience:
        return None
    steps = state.step % config.eval_every or config.eval_every
    loss = state.recent / steps
    if loss >= LEARNED:
        return None
    return (
        f"nothing left to learn: the loss of {steps} steps is {loss:.4f}, and {state.still} looks at the dev set have "
        f"not bettered its accuracy of {state.best_accuracy:.1%}"
    )


def _make_optimizer(soft: SoftPrompt, config: TargetConfig) -> torch.optim.Optimizer:
    if config.optimizer == "adamw":
        return torch.optim.AdamW(soft.parameters(), lr=find_rate(config), weight_decay=config.weight_decay)
    # transformers' Adafactor: PyTorch's always scales steps by the parameter's size, which prompt tuning switches off
    optimizer: torch.optim.Optimizer = Adafactor(
        soft.parameters(),
        lr=find_rate(config),
        scale_parameter=False,
        relative_step=False,
        warmup_init=False,
        weight_decay=config.weight_decay,
    )
    return optimizer


def count_done(record: Mapping[str, Any]) -> int:
    """Return how many steps are done at a record of `train_prompt`, whose first step is 1."""
    return int(record["step"])
