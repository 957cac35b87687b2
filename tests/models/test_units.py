"""The unit of rates: the standard deviation of what a model's input embeddings give."""

import pytest
import torch
from torch import nn
from transformers.models.bart.modeling_bart import BartScaledWordEmbedding

from dawgen.models.load import load_target
from dawgen.models.units import ROWS, measure_unit
from support.targets import make_backbone


def make(weight: torch.Tensor) -> nn.Embedding:
    return nn.Embedding.from_pretrained(weight)


def draw(rows: int = 2 * ROWS + 7, width: int = 6) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(0)) * 1.7 + 0.2


def test_it_is_the_standard_deviation_of_all_numbers() -> None:
    weight = draw()
    assert measure_unit(make(weight)) == pytest.approx(float(weight.double().std(correction=0)), rel=1e-5)
    assert make_backbone("gpt2").unit == pytest.approx(0.1, rel=0.05)  # as the tests' models are drawn


@pytest.mark.parametrize("scale", [0.1, 10, 3e4])
def test_it_scales_as_the_embeddings_do(scale: float) -> None:
    assert measure_unit(make(scale * draw())) == pytest.approx(scale * measure_unit(make(draw())), rel=1e-5)


def test_rows_at_zero_do_not_count() -> None:
    assert measure_unit(make(torch.cat([draw(), torch.zeros(5000, 6)]))) == measure_unit(make(draw()))
    assert measure_unit(make(torch.zeros(9, 6))) == 1


def test_what_the_module_gives_counts_where_it_multiplies_its_weights() -> None:
    scaled = BartScaledWordEmbedding(400, 6, padding_idx=0, embed_scale=8.0)
    with torch.no_grad():
        scaled.weight.copy_(draw(400))
    assert measure_unit(scaled) == pytest.approx(8 * measure_unit(make(draw(400))), rel=1e-5)


@pytest.mark.parametrize(("dtype", "close"), [(torch.bfloat16, 1e-3), (torch.float16, 1e-4)])
def test_half_precision_has_nearly_the_same(dtype: torch.dtype, close: float) -> None:
    assert measure_unit(make(draw().to(dtype))) == pytest.approx(measure_unit(make(draw())), rel=close)


@pytest.mark.parametrize(("name", "unit"), [("mini-t5", 1.45047), ("mini-flan", 1.80373), ("mini-ctrl", 0.114687)])
def test_the_minis_have_these_units(name: str, unit: float) -> None:
    assert load_target(name).unit == pytest.approx(unit, rel=1e-5)
