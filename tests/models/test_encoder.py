"""Sentence encoders: vectors as sentence-transformers makes them, whatever the batch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.errors import ModelError
from dawgen.evaluate.audit.embed import SentenceEncoder
from dawgen.models import encoder as encoder_module
from dawgen.models.encoder import Layout, load_encoder, read_layout
from dawgen.records import Example
from support.sentence_models import save_sentence_model
from support.tiny import save_tiny

TEXTS = ["a man is sleeping", "the dog", "", "two people are playing chess and a cat sleeps " * 3, "a red ball"]


@pytest.mark.parametrize(("mode", "normalise"), [("mean_tokens", True), ("mean_tokens", False), ("cls_token", True)])
def test_vectors_are_those_of_the_library(mode: str, normalise: bool, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder = save_sentence_model(tmp_path, mode=mode, normalise=normalise)
    ours = load_encoder(str(folder)).encode(TEXTS)
    theirs = library.SentenceTransformer(str(folder)).encode(TEXTS, convert_to_tensor=True, show_progress_bar=False)
    assert ours.shape == (5, 32) and ours.dtype == torch.float32
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_order_and_batch_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder(str(save_sentence_model(tmp_path)))
    vectors = encoder.encode(TEXTS)
    lengths = [float(text != "") for text in TEXTS]  # an empty text has no token here
    assert torch.allclose(vectors.norm(dim=1), torch.tensor(lengths), atol=1e-5)
    assert torch.allclose(encoder.encode(TEXTS[::-1]).flip(0), vectors, atol=1e-5)
    monkeypatch.setattr(encoder_module, "BATCH", 2)
    assert torch.allclose(encoder.encode(TEXTS), vectors, atol=1e-5)
    assert encoder.encode([]).shape == (0, 32)
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


def test_the_layout_is_read_and_what_is_unknown_is_refused(tmp_path: Path) -> None:
    assert read_layout(save_sentence_model(tmp_path / "mean")) == Layout("mean", True, 12)
    assert read_layout(save_sentence_model(tmp_path / "cls", mode="cls_token", normalise=False)) == Layout(
        "cls", False, 12
    )
    others: dict[str, Any] = {"max": {"mode": "max_tokens"}, "dense": {"more": "Dense"}}
    for name, options in others.items():
        folder = save_sentence_model(tmp_path / name, **options)
        assert read_layout(folder) is None
        with pytest.raises(ModelError, match="pools by mean"):
            load_encoder(str(folder))
    with pytest.raises(ModelError, match="pools by mean"):
        load_encoder(str(save_tiny("gpt2", tmp_path / "gpt2")))


def test_incomplete_weights_are_refused(tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(ModelError, match="lack 16 tensors, encoder.layer.2"):
        load_encoder(str(folder))


def test_the_audit_takes_it_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    folder = str(save_sentence_model(tmp_path))
    vectors = SentenceEncoder(folder, device="cpu").embed([Example("a man", "the dog")])
    u, v = load_encoder(folder).encode(["a man", "the dog"])
    assert torch.allclose(vectors[0], torch.cat([u, v, (u - v).abs()]), atol=1e-5)
