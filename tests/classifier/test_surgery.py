"""Surgery: the paper's guarantee, the other rules against their published forms, and the guards."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchjd.aggregation import GradVac, PCGrad

from dawgen.classifier.surgery import Operated, operate, project, vaccinate

quick = settings(deadline=None)
RULES = ["none", "project", "pcgrad", "agem", "gradvac", "drop"]
seeds = st.integers(0, 2**31)


def draw(seed: int, *, rows: int = 4, width: int = 6, examples: int | None = None) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    real = torch.randn(rows, width, generator=rng, dtype=torch.float64)
    size = (rows, width) if examples is None else (examples, rows, width)
    return real, torch.randn(*size, generator=rng, dtype=torch.float64)


def dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())


@quick
@given(seeds, st.floats(0, 5))
def test_project_never_hurts_the_real_loss(seed: int, epsilon: float) -> None:
    real, synthetic = draw(seed)
    result = operate(real, synthetic, rule="project", epsilon=epsilon).gradient
    size = dot(real, real)
    if dot(real, synthetic) < 0:
        assert dot(result, real) == pytest.approx(size, rel=1e-9)
    else:
        assert dot(result, real) >= size
        assert torch.equal(result, real + epsilon * synthetic)


@quick
@given(seeds, st.floats(1e-6, 1e6))
def test_projection_does_not_depend_on_the_size_of_the_real_gradient(seed: int, scale: float) -> None:
    real, synthetic = draw(seed, rows=1)
    torch.testing.assert_close(project(real, synthetic)[1], project(real * scale, synthetic)[1])


@quick
@given(seeds)
def test_pcgrad_equals_the_gramian_form(seed: int) -> None:
    real, synthetic = draw(seed)
    wanted = PCGrad()(torch.stack([real.flatten(), synthetic.flatten()]))
    torch.testing.assert_close(operate(real, synthetic, rule="pcgrad").gradient.flatten(), wanted)


@quick
@given(seeds)
def test_gradvac_turns_towards_the_running_cosine(seed: int) -> None:
    real, synthetic = draw(seed, rows=1)
    for state in (None, torch.full((1, 1), 0.6, dtype=torch.float64)):
        target = 0.0 if state is None else 0.6
        turned, after = vaccinate(real, synthetic, state)
        before = float(torch.cosine_similarity(real, synthetic))
        assert float(torch.cosine_similarity(real, turned)) == pytest.approx(max(before, target), abs=1e-9)
        assert float(after) == pytest.approx(0.5 * target + 0.5 * before)


def test_gradvac_is_one_half_of_torchjds_symmetric_form() -> None:
    for seed in range(20):
        real, synthetic = draw(seed, rows=1)
        both = GradVac(eps=0.0)
        state_real = state_synthetic = None
        for _ in range(3):
            turned_synthetic, state_synthetic = vaccinate(real, synthetic, state_synthetic)
            turned_real, state_real = vaccinate(synthetic, real, state_real)
            wanted = both(torch.cat([real, synthetic]))
            torch.testing.assert_close((turned_real + turned_synthetic)[0], wanted)
            real, synthetic = synthetic.flip(1), real * 0.5 + synthetic


@quick
@given(seeds)
def test_agem_and_drop(seed: int) -> None:
    real, synthetic = draw(seed)
    projected = operate(real, synthetic, rule="project").gradient - real
    torch.testing.assert_close(operate(real, synthetic, rule="agem").gradient, projected)
    kept = synthetic if dot(real, synthetic) >= 0 else torch.zeros_like(synthetic)
    torch.testing.assert_close(operate(real, synthetic, rule="drop", epsilon=0.5).gradient, real + 0.5 * kept)


@quick
@given(seeds)
def test_a_granularity_is_the_rule_applied_to_each_part(seed: int) -> None:
    real, synthetic = draw(seed)
    by_token = operate(real, synthetic, granularity="token").gradient
    for row in range(len(real)):
        alone = operate(real[row : row + 1], synthetic[row : row + 1]).gradient
        torch.testing.assert_close(by_token[row : row + 1], alone)
    real, examples = draw(seed, examples=5)
    by_example = operate(real, examples, granularity="example").gradient
    parts = torch.stack([operate(real, one).gradient for one in examples])
    torch.testing.assert_close(by_example, parts.mean(0))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("granularity", ["prompt", "token", "example"])
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_every_rule_keeps_its_inputs_and_survives_zeros(rule: str, granularity: str, seed: int) -> None:
    real, synthetic = draw(seed, examples=3 if granularity == "example" else None)
    copies = real.clone(), synthetic.clone()
    first = run(real, synthetic, rule, granularity)
    assert torch.equal(real, copies[0]) and torch.equal(synthetic, copies[1])
    assert first.gradient.shape == real.shape
    mean = synthetic.mean(0) if granularity == "example" else synthetic
    silent = run(torch.zeros_like(real), synthetic, rule, granularity)
    torch.testing.assert_close(silent.gradient, mean)
    assert (silent.cos, silent.removed) == (0.0, 0.0)
    nothing = run(real, torch.zeros_like(synthetic), rule, granularity)
    torch.testing.assert_close(nothing.gradient, torch.zeros_like(real) if rule == "agem" else real)


@quick
@pytest.mark.parametrize("rule", RULES)
@given(seed=seeds)
def test_permuted_parameters_permute_the_result(rule: str, seed: int) -> None:
    real, synthetic = draw(seed)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    permuted = run(real[:, order], synthetic[:, order], rule, "prompt").gradient
    torch.testing.assert_close(permuted, run(real, synthetic, rule, "prompt").gradient[:, order])


def test_the_record_says_what_surgery_saw() -> None:
    real, synthetic = torch.tensor([[3.0, 0.0]]), torch.tensor([[-4.0, 3.0]])
    seen = operate(real, synthetic)
    assert (seen.cos, seen.conflict, seen.norm_real, seen.norm_synthetic) == (pytest.approx(-0.8), 1.0, 3.0, 5.0)
    assert seen.removed == pytest.approx(0.8)
    assert seen.gradient.tolist() == [[3.0, 3.0]]
    by_token = operate(real.repeat(2, 1), torch.cat([synthetic, -synthetic]), granularity="token")
    assert by_token.conflict == 0.5


def test_shapes_that_do_not_fit_are_refused() -> None:
    real, synthetic = draw(0)
    with pytest.raises(ValueError, match=r"\[N,P,H\]"):
        operate(real, synthetic, granularity="example")
    with pytest.raises(ValueError, match=r"\[P,H\]"):
        operate(real, synthetic[:2])


def run(real: Tensor, synthetic: Tensor, rule: str, granularity: str) -> Operated:
    return operate(real, synthetic, rule=rule, granularity=granularity)  # type: ignore[arg-type]
