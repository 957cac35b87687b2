"""Vectors from a sentence-transformers model in the target's stead."""

import sys
from pathlib import Path

import pytest
import torch

from dawgen.errors import ConfigError, ModelError
from dawgen.evaluate.audit.embed import SentenceEncoder
from dawgen.records import Example
from support.tiny import save_tiny

PAIRS = [Example("a man is sleeping", "nobody is awake"), Example("a dog", "a dog"), Example("the red ball", "a song")]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return SentenceEncoder(str(save_tiny("t5", tmp_path_factory.mktemp("model"))), device="cpu")


def test_a_pair_is_both_vectors_and_their_difference(encoder: SentenceEncoder) -> None:
    vectors = encoder.embed(PAIRS)
    assert vectors.shape == (3, 96)
    assert vectors.dtype == torch.float32
    u, v, gap = vectors.split(32, dim=1)
    assert torch.equal(gap, (u - v).abs())
    assert torch.allclose(u[1], v[1], atol=1e-6)
    assert torch.allclose(u, encoder.embed([Example(row.text1) for row in PAIRS]), atol=1e-6)
    assert torch.allclose(vectors[2:], encoder.embed(PAIRS[2:]), atol=1e-5)


def test_a_model_that_is_none_and_a_library_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="could not load it"):
        SentenceEncoder(str(tmp_path), device="cpu")
    with pytest.raises(ModelError, match="expected a folder"):
        SentenceEncoder(str(tmp_path / "none"), device="cpu")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigError, match=r'pip install "dawgen\[audit\]"'):
        SentenceEncoder("any", device="cpu")
