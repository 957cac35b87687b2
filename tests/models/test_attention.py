"""The kernel of attention while gradients are taken."""

import pytest
import torch

from dawgen.models.attention import choose_kernel
from tests.support.tiny import tiny_llama


def take_gradient(dtype: torch.dtype) -> torch.Tensor:
    model = tiny_llama().to(dtype)
    inputs = torch.randn(2, 9, model.config.hidden_size, generator=torch.Generator().manual_seed(1))
    prompt = inputs.to(dtype).requires_grad_()
    with choose_kernel(model):
        loss = model(inputs_embeds=prompt, attention_mask=torch.ones(2, 9)).logits[:, -1].float().square().sum()
    (gradient,) = torch.autograd.grad(loss, prompt)
    return gradient.float()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_only_half_precision_on_a_cpu_takes_the_plain_kernel(dtype: torch.dtype) -> None:
    fused = torch.backends.cuda.flash_sdp_enabled
    before = fused()
    with choose_kernel(tiny_llama()):
        assert fused() is before
    with choose_kernel(tiny_llama().to(dtype)):
        assert not fused()
    assert fused() is before


def test_the_gradient_in_bfloat16_is_that_in_float32_but_for_rounding() -> None:
    exact, rounded = take_gradient(torch.float32), take_gradient(torch.bfloat16)
    assert float((exact - rounded).norm() / exact.norm()) < 0.05
