"""The soft-prompt step with gradient surgery: `train_prompt` beside what else gives a prompt two gradients, or one.

Every step of both sides takes the same rows, half of them real, half synthetic, and ends with clipping and Adafactor.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import nll_loss
from torchjd.aggregation import PCGrad
from torchjd.autojac import backward, jac_to_grad
from transformers import Adafactor

from benchmarks.speed.harness import Result, Setup, compare_costs, compare_rates
from benchmarks.speed.matrix_rate import compare_with_matrix_rate
from benchmarks.speed.peft_prompts import find_prompt, score, wrap
from benchmarks.speed.targets import Family, draw_lengths, make_prompt, make_rows, make_scorer, make_target, ship
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.rows import Rows
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.surgery import operate, project
from dawgen.classifier.train import Training, train_prompt
from dawgen.config import TargetConfig
from dawgen.models.load import Backbone

NAMES: dict[Family, str] = {"t5": "T5", "llama": "Llama"}
STEPS = 1  # of one measurement
PROJECTIONS = 200  # one is too short for a clock

Step = Callable[[], object]


def run(setup: Setup) -> list[Result]:
    """Compare rates at lengths of 10 to 120 tokens, with prompts of 20 tokens and of the paper's 100."""
    cases: list[tuple[Family, int]] = [("t5", 20), ("t5", 100), ("llama", 20)]
    results = [line for family, length in cases for line in compare(setup, family, length)]
    results.append(compare_projection(setup))
    return [*results, compare_with_matrix_rate(setup)] if setup.big else results


def compare(setup: Setup, family: Family, length: int) -> list[Result]:
    """Return the lines of one target and one prompt length."""
    backbone, start, real, synthetic = make_case(setup, family, length)
    # an absolute rate and a plain sum, as theirs
    config = TargetConfig(steps=STEPS, batch_size=len(real.ids), decay="constant", epsilon=1.0, lr=0.3)
    scorer, training = make_scorer(ship(backbone)), Training(real, synthetic, None, "paired", 0, config)
    tuning = PeftTuning(backbone, start, config)
    halves = HalfBatches(scorer, start, config)

    def train() -> float:
        train_prompt(scorer, start, training)
        return STEPS * (len(real.ids) + len(synthetic.ids))

    def judge(step: Callable[[Rows, Rows], object], against: str, target: float) -> Result:
        def repeat() -> float:
            for _ in range(STEPS):
                step(real, synthetic)
            return STEPS * (len(real.ids) + len(synthetic.ids))

        name = f"prompt step with surgery, {NAMES[family]}, {length} prompt tokens"
        ratios = compare_rates(train, repeat, setup)
        return Result.of(name, against, "examples/s", ratios, target=target, side="at least")

    return [
        judge(tuning.step_with_surgery, "PEFT, two backward passes, TorchJD's PCGrad", 1.7),
        judge(halves.step, "two half-batch passes by hand", 0.9 if setup.device == "cpu" else 1.2),
        judge(tuning.step, "PEFT without surgery", 1.0),
    ]


def compare_projection(setup: Setup) -> Result:
    """Return what the projection takes of a step's time."""
    backbone, start, real, synthetic = make_case(setup, "t5", 20)
    config = TargetConfig(steps=STEPS, batch_size=len(real.ids), epsilon=1.0, lr=0.3)
    scorer, training = make_scorer(ship(backbone)), Training(real, synthetic, None, "paired", 0, config)
    counts = [len(real.ids), len(synthetic.ids)]
    labels = [*real.labels, *synthetic.labels]
    (g_real, g_synthetic), _ = differentiate(scorer, start, real.ids + synthetic.ids, labels, counts)

    def operate_often() -> float:
        for _ in range(PROJECTIONS):
            operate(g_real, g_synthetic)
        return PROJECTIONS

    def train() -> float:
        train_prompt(scorer, start, training)
        return STEPS

    costs = compare_costs(operate_often, train, setup)
    return Result.of("the projection itself", "a whole prompt step", "time", costs, target=0.03, side="at most")


def make_case(setup: Setup, family: Family, length: int) -> tuple[Backbone, Tensor, Rows, Rows]:
    """Return a target, a prompt [P,H], and a step's real and synthetic rows of mixed length."""
    backbone = make_target(family, "large" if setup.big else "small", device=setup.device, dtype=setup.dtype)
    half = 32 if setup.big else 16
    real, synthetic = (make_rows(backbone, draw_lengths(half, 10, 120, name), name) for name in ("real", "synthetic"))
    return backbone, make_prompt(backbone, length), real, synthetic


class PeftTuning:
    """Prompt tuning with PEFT, one forward pass of the joint batch: with surgery, or on the mean loss of all rows."""

    def __init__(self, backbone: Backbone, start: Tensor, config: TargetConfig) -> None:
        self.model = wrap(backbone, start)
        self.prompt = find_prompt(self.model)
        self.optimizer = make_adafactor(self.prompt, config)
        self.clip = config.clip

    def losses(self, real: Rows, synthetic: Rows) -> tuple[Tensor, Tensor]:
        """Return both mean losses from one forward pass."""
        scores = score(self.model, [*real.ids, *synthetic.ids])
        first, second = scores.split([len(real.ids), len(synthetic.ids)])
        return lose(first, real.labels), lose(second, synthetic.labels)

    def step_with_surgery(self, real: Rows, synthetic: Rows) -> None:
        """Two backward passes through the joint batch and PCGrad, as TorchJD's guide to several losses does it."""
        self.optimizer.zero_grad()
        # one after the other: side by side (vmap, TorchJD's default) PyTorch falls back to that, with a warning
        backward(list(self.losses(real, synthetic)), inputs=[self.prompt], parallel_chunk_size=1)
        jac_to_grad([self.prompt], PCGrad())
        self._update()

    def step(self, real: Rows, synthetic: Rows) -> None:
        """One backward pass, no surgery; both halves have as many rows."""
        self.optimizer.zero_grad()
        torch.stack(self.losses(real, synthetic)).mean().backward()
        self._update()

    def _update(self) -> None:
        torch.nn.utils.clip_grad_norm_([self.prompt], self.clip)
        self.optimizer.step()


class HalfBatches:
    """The paper's step written plainly: a pass over the real rows, one over the synthetic rows, and the projection.

    It has dawgen's scoring (label words only, one decoder position); each half is padded to its longest row.
    """

    def __init__(self, scorer: Scorer, start: Tensor, config: TargetConfig) -> None:
        self.scorer = scorer
        self.prompt = torch.nn.Parameter(start.clone())
        self.optimizer = make_adafactor(self.prompt, config)
        self.clip = config.clip

    def differentiate(self, rows: Rows) -> Tensor:
        """Return the gradient [P,H] of the mean loss of some rows."""
        loss = lose(self.scorer.score_batch(rows.ids, self.prompt), rows.labels)
        return torch.autograd.grad(loss, self.prompt)[0]

    def step(self, real: Rows, synthetic: Rows) -> None:
        """g = g_r + g_s - min(0, g_s.g_r) / |g_r|^2 * g_r."""
        g_real, g_synthetic = (self.differentiate(rows).flatten() for rows in (real, synthetic))
        self.prompt.grad = (g_real + project(g_real, g_synthetic)[1]).view_as(self.prompt)
        torch.nn.utils.clip_grad_norm_([self.prompt], self.clip)
        self.optimizer.step()


def lose(scores: Tensor, labels: Sequence[int]) -> Tensor:
    """Return the mean of -log p_y."""
    return nll_loss(scores, torch.tensor(labels, device=scores.device))


def make_adafactor(prompt: Tensor, config: TargetConfig) -> Any:
    """Return the optimiser of both sides."""
    return Adafactor(
        [prompt],
        lr=config.lr,
        scale_parameter=False,
        relative_step=False,
        warmup_init=False,
        weight_decay=config.weight_decay,
    )
