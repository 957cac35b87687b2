"""Fused layers against those that transformers ships."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.activations import NewGELUActivation
from transformers.models.t5.modeling_t5 import T5Attention, T5LayerNorm

from dawgen.models.fuse import CrossAttention, EncoderAttention, fuse
from dawgen.models.load import load_generator, load_target
from support.tiny import save_tiny, tiny_gpt2, tiny_t5

IDS = torch.tensor([[10, 20, 30, 40, 50, 1], [11, 21, 1, 0, 0, 0]])
MASK = torch.tensor([[1] * 6, [1] * 3 + [0] * 3])


def make_pair(**options: Any) -> tuple[Any, Any]:
    plain = tiny_t5(feed_forward_proj="gated-gelu", **options)
    fused = copy.deepcopy(plain)
    fuse(fused)
    return plain, fused


def differentiate(model: Any, decoded: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    inputs = model.shared(IDS).clone().requires_grad_()
    logits = model(inputs_embeds=inputs, attention_mask=mask, decoder_input_ids=decoded, use_cache=False).logits
    (logits[:, -1, :5] ** 2).sum().backward()
    assert inputs.grad is not None
    return logits.detach(), inputs.grad


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("positions", [1, 2, 6])
@pytest.mark.parametrize("masked", [True, False])
def test_logits_and_gradients_stay_the_same(attention: str, positions: int, masked: bool) -> None:
    plain, fused = make_pair()
    for model in (plain, fused):
        model.set_attn_implementation(attention)
    decoded = torch.tensor([[0, 4, 30, 31, 32, 33]] * 2)[:, :positions]
    wanted, got = (differentiate(model, decoded, MASK if masked else None) for model in (plain, fused))
    for a, b in zip(wanted, got, strict=True):
        assert float((a - b).norm() / a.norm()) < 1e-5


def test_layers_are_swapped_and_parameters_are_not() -> None:
    plain, fused = make_pair()
    before = dict(plain.state_dict())
    assert {name: value.shape for name, value in fused.state_dict().items()} == {n: v.shape for n, v in before.items()}
    assert all(torch.equal(value, before[name]) for name, value in fused.state_dict().items())
    weights = [id(weight) for weight in plain.parameters()]
    fuse(plain)
    assert [id(weight) for weight in plain.parameters()] == weights
    kinds = [type(layer) for layer in plain.modules()]
    assert not {NewGELUActivation, T5LayerNorm} & set(kinds)
    assert [kinds.count(kind) for kind in (EncoderAttention, CrossAttention, T5Attention)] == [2, 2, 2]
    assert not any(layer.training for layer in plain.modules())


def test_generation_goes_on_as_before() -> None:
    written = [
        model.generate(input_ids=IDS, attention_mask=MASK, max_new_tokens=8, do_sample=False) for model in make_pair()
    ]
    assert torch.equal(*written)


@pytest.mark.parametrize("name", ["past_key_values", "cache"])
def test_attention_with_a_cache_is_left_to_transformers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attention = next(layer for layer in make_pair()[1].modules() if isinstance(layer, CrossAttention))
    seen: list[object] = []
    monkeypatch.setattr(attention.plain[0], "forward", lambda states, **options: seen.append(options[name]))
    states, encoded = torch.randn(2, 1, 32), torch.randn(2, 5, 32)
    attention(states, key_value_states=encoded, **{name: None})
    assert not seen
    attention(states, key_value_states=encoded, **{name: (cache := object())})
    assert seen == [cache]


def test_bfloat16_stays_within_its_rounding() -> None:
    plain, fused = make_pair()
    decoded = torch.zeros(2, 1, dtype=torch.long)
    wanted = plain(input_ids=IDS, attention_mask=MASK, decoder_input_ids=decoded).logits
    got = fused.to(torch.bfloat16)(input_ids=IDS, attention_mask=MASK, decoder_input_ids=decoded).logits
    assert got.dtype == torch.bfloat16
    assert float((got.float() - wanted).norm() / wanted.norm()) < 0.03


def test_other_families_keep_what_is_not_slow() -> None:
    plain = tiny_gpt2()
    fused = copy.deepcopy(plain)
    fuse(fused)
    assert sum(type(layer) is nn.GELU for layer in fused.modules()) == 2
    torch.testing.assert_close(fused(IDS).logits, plain(IDS).logits, rtol=1e-5, atol=1e-5)


def test_targets_are_fused_and_generators_are_not(tmp_path: Path) -> None:
    folder = str(save_tiny("gpt2", tmp_path))
    target, generator = load_target(folder), load_generator(folder)
    assert any(type(layer) is nn.GELU for layer in target.model.modules())
    assert any(type(layer) is NewGELUActivation for layer in generator.model.modules())
    assert target.fingerprint == generator.fingerprint
