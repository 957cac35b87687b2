"""SmolLM2's real weights: they load, and the model knows what it knows."""

import pytest

from dawgen.models.load import load_generator
from support.real import require_smollm2


@pytest.mark.real
def test_smollm2_loads_and_goes_on_as_it_should() -> None:
    backbone = load_generator(require_smollm2())
    assert backbone.kind == "causal" and backbone.tokenizer.chat_template
    ids = backbone.tokenizer("The capital of France is", return_tensors="pt")
    written = backbone.model.generate(**ids, max_new_tokens=2, do_sample=False)
    assert backbone.tokenizer.decode(written[0]).startswith("The capital of France is Paris")
