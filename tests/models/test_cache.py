"""The cache's two names: what a model takes, what an output holds, what a layer is given."""

from typing import Any

import pytest
import torch
from torch import nn
from transformers import DynamicCache

from dawgen.models.cache import has_cache, name_cache, read_cache
from support.tiny import CAUSAL, Kind, tiny_model


class Older(nn.Module):
    def forward(self, input_ids: Any, past_key_values: Any = None, use_cache: bool = True, **options: Any) -> None: ...


class Newer(nn.Module):
    def forward(self, input_ids: Any, cache: Any = None, use_cache: bool = True, **options: Any) -> None: ...


@pytest.mark.parametrize(("model", "name"), [(Older(), "past_key_values"), (Newer(), "cache")])
def test_the_name_is_what_the_signature_takes(model: nn.Module, name: str) -> None:
    assert name_cache(model) == name


@pytest.mark.parametrize("name", ["past_key_values", "cache"])
def test_an_output_is_read_under_either_name(name: str) -> None:
    held = object()
    assert read_cache({"last_hidden_state": torch.zeros(1), name: held}) is held
    assert read_cache({"last_hidden_state": torch.zeros(1)}) is None


@pytest.mark.parametrize("name", ["past_key_values", "cache"])
def test_a_layer_sees_a_cache_under_either_name(name: str) -> None:
    assert has_cache({name: object()})
    assert not has_cache({name: None, "use_cache": True})


@pytest.mark.parametrize("kind", CAUSAL)
def test_the_installed_version_takes_and_returns_a_cache_without_a_warning(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_model(kind)
    ids = torch.tensor([[5, 6, 7, 8]])
    whole = model(input_ids=ids).logits[:, -1]
    for part in (model.base_model, model):
        cache = read_cache(part(input_ids=ids[:, :3], use_cache=True))
        assert type(cache) is DynamicCache
        output = part(input_ids=ids[:, 3:], use_cache=True, **{name_cache(part): cache})
        assert cache.get_seq_length() == 4
        logits = output.logits if part is model else model.get_output_embeddings()(output.last_hidden_state)
        torch.testing.assert_close(logits[:, -1], whole, rtol=1e-4, atol=1e-5)
    assert not caplog.records
