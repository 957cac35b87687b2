"""Attention while gradients are taken."""

from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from dawgen.models.attention import ease_attention
from support.tiny import tiny_llama


def draw(dtype: torch.dtype) -> list[torch.Tensor]:
    """Return queries, keys, values and a mask of 2 heads over 9 tokens."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(1, 2, 9, size, generator=generator).to(dtype) for size in (8, 8, 8, 9)]


def take_gradient(dtype: torch.dtype) -> torch.Tensor:
    model = tiny_llama().to(dtype)
    inputs = torch.randn(2, 9, model.config.hidden_size, generator=torch.Generator().manual_seed(1))
    prompt = inputs.to(dtype).requires_grad_()
    with ease_attention(model):
        loss = model(inputs_embeds=prompt, attention_mask=torch.ones(2, 9)).logits[:, -1].float().square().sum()
    (gradient,) = torch.autograd.grad(loss, prompt)
    return gradient.float()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("masked", [False, True])
def test_half_precision_on_a_cpu_attends_in_float32(dtype: torch.dtype, masked: bool) -> None:
    *parts, mask = draw(dtype)
    options: Any = {"attn_mask": mask if masked else None}
    with ease_attention(tiny_llama().to(dtype)):
        found = scaled_dot_product_attention(*parts, **options)
    wide: Any = {"attn_mask": mask.float() if masked else None}
    assert torch.equal(found, scaled_dot_product_attention(*(part.float() for part in parts), **wide).to(dtype))


def test_float32_stays_as_it_is() -> None:
    *parts, mask = draw(torch.float32)
    with ease_attention(tiny_llama()):
        found = scaled_dot_product_attention(*parts, attn_mask=mask)
    assert torch.equal(found, scaled_dot_product_attention(*parts, attn_mask=mask))


def test_the_gradient_in_bfloat16_is_that_in_float32_but_for_rounding() -> None:
    exact, rounded = take_gradient(torch.float32), take_gradient(torch.bfloat16)
    assert float((exact - rounded).norm() / exact.norm()) < 0.05
