"""Both sides of the prompt-step benchmark compute the same."""

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed import matrix_rate, prompt_step
from benchmarks.speed.harness import Setup
from benchmarks.speed.matrix_rate import compare_with_matrix_rate, count_step
from benchmarks.speed.prompt_step import HalfBatches, PeftTuning, compare, compare_projection
from benchmarks.speed.targets import (
    SHAPES,
    Family,
    draw_lengths,
    make_prompt,
    make_rows,
    make_scorer,
    make_target,
    ship,
)
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.rows import Rows
from dawgen.classifier.train import Training, train_prompt
from dawgen.config import TargetConfig
from dawgen.models.load import Backbone

FAMILIES: tuple[Family, ...] = ("t5", "llama")


def make_tiny(setup: Setup, family: Family, length: int) -> tuple[Backbone, Tensor, Rows, Rows]:
    backbone = make_target(family, "tiny", device=setup.device, dtype=setup.dtype)
    real, synthetic = (make_rows(backbone, draw_lengths(4, 3, 40, name), name) for name in ("real", "synthetic"))
    return backbone, make_prompt(backbone, length), real, synthetic


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("family", FAMILIES)
def test_all_sides_get_the_same_gradients(family: Family) -> None:
    backbone, start, real, synthetic = make_tiny(Setup(), family, 5)
    ids, labels = real.ids + synthetic.ids, [*real.labels, *synthetic.labels]
    config = TargetConfig(lr=0.3)
    ours, losses = differentiate(make_scorer(ship(backbone)), start, ids, labels, [4, 4])
    by_peft, by_hand = PeftTuning(backbone, start, config), HalfBatches(make_scorer(backbone), start, config)
    means = by_peft.losses(real, synthetic)
    for group, rows in enumerate((real, synthetic)):
        (theirs,) = torch.autograd.grad(means[group], by_peft.prompt, retain_graph=True)
        assert distance(theirs, ours[group]) < 1e-5
        assert distance(by_hand.differentiate(rows), ours[group]) < 1e-5
        assert distance(means[group].detach(), losses[4 * group : 4 * group + 4].mean()) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("surgery", ["pcgrad", "project", "none"])
def test_all_sides_reach_the_same_prompt(family: Family, surgery: str) -> None:
    backbone, start, real, synthetic = make_tiny(Setup(), family, 5)
    # "none" is the sum of both gradients, PEFT's the mean: clipping to a small norm makes them one
    config = TargetConfig(steps=3, batch_size=4, decay="constant", epsilon=1.0, surgery=surgery, clip=1e-4, lr=0.3)  # type: ignore[arg-type]
    training = Training(real, synthetic, None, "paired", 0, config)
    ours = train_prompt(make_scorer(ship(backbone)), start, training).prompt
    theirs = (
        HalfBatches(make_scorer(backbone), start, config)
        if surgery == "project"
        else PeftTuning(backbone, start, config)
    )
    step = theirs.step_with_surgery if surgery == "pcgrad" else theirs.step  # type: ignore[union-attr]
    for _ in range(3):
        step(real, synthetic)
    assert distance(theirs.prompt.detach() - start, ours - start) < 1e-3
    assert distance(ours, start) > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_every_line_runs_at_the_sizes_and_dtype_given(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_step, "make_case", make_tiny)
    monkeypatch.setattr(matrix_rate, "STEPS", 2)
    setup = Setup(dtype=dtype, pairs=1)
    lines = [*compare(setup, "t5", 5), *compare(setup, "llama", 5), compare_projection(setup)]
    assert [line.target for line in lines] == [1.7, 0.9, 1.0, 1.7, 0.9, 1.0, 0.03]
    line = compare_with_matrix_rate(setup)
    assert line.target == 0.45 and line.ratio_median > 0


def test_operations_of_a_step_are_counted_as_pytorch_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = ship(make_target("t5", "tiny"))
    backbone.model.set_attn_implementation("eager")  # the counter does not see inside fused attention on a CPU
    rows = make_rows(backbone, [30] * 6, "counted")
    with FlopCounterMode(display=False) as counter:
        differentiate(make_scorer(backbone), make_prompt(backbone, 10), rows.ids, rows.labels, [3, 3])
    # what it counts beyond: the decoder's attention to itself, label words; what it lacks: gradients of the start token
    assert counter.get_total_flops() == pytest.approx(count_step(SHAPES["t5", "tiny"], 6, 10, 30), rel=0.02)
