"""How prompts start: from embeddings of words, seeded, in float32."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dawgen.config import TargetConfig
from dawgen.errors import BundleError
from dawgen.prompt.initialise import start_at_random, start_from_file, start_from_words, start_prompt
from dawgen.prompt.vocabulary import encode_word, find_frequent
from support.targets import make_backbone
from support.tiny import tiny_tokenizer


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_words_come_first_as_the_mean_of_their_pieces() -> None:
    embedding, tokenizer = torch.randn(251, 6, generator=rng()).bfloat16(), tiny_tokenizer()
    start = start_from_words(embedding, tokenizer, ["yes", "uncertain"], 10, rng())
    assert start.shape == (10, 6) and start.dtype == torch.float32
    assert torch.equal(start[0], embedding[encode_word(tokenizer, "yes")[0]].float())
    pieces = encode_word(tokenizer, "uncertain")
    assert len(pieces) > 1
    torch.testing.assert_close(start[1], embedding[pieces].float().mean(0))
    frequent = embedding[list(find_frequent(tokenizer))].float()
    rows = [int((frequent == row).all(1).nonzero()[0]) for row in start[2:]]
    assert len(set(rows)) == 8  # drawn without replacement
    assert start_from_words(embedding, tokenizer, ["yes", "no", "or"], 2, rng()).shape == (2, 6)


def test_a_prompt_may_be_longer_than_the_vocabulary() -> None:
    embedding = torch.randn(251, 6, generator=rng())
    assert start_from_words(embedding, tiny_tokenizer(), ["yes"], 400, rng()).shape == (400, 6)


@pytest.mark.parametrize("init", ["label_words", "vocabulary", "random"])
def test_the_seed_decides(init: str) -> None:
    config = TargetConfig(init=init, prompt_length=7)  # type: ignore[arg-type]
    starts = [start_prompt(make_backbone(), ["yes", "no"], config, seed) for seed in (1, 1, 2)]
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])
    assert starts[0].shape == (7, 32) and not starts[0].requires_grad


def test_random_is_even_and_bounded() -> None:
    start = start_at_random(100, 50, rng())
    assert float(start.abs().max()) <= 0.5
    assert float(start.std()) == pytest.approx(1 / 12**0.5, rel=0.05)


def test_random_is_in_the_units_of_the_rate() -> None:
    backbone = make_backbone()
    relative, absolute = (
        start_prompt(backbone, [], TargetConfig(init="random", prompt_length=50, lr=lr), 1) for lr in (None, 0.3)
    )
    torch.testing.assert_close(relative, backbone.unit * absolute)
    assert 0.49 < float(absolute.abs().max()) <= 0.5


def test_the_folder_of_a_bundle_is_a_way_to_start(tmp_path: Path) -> None:
    backbone = make_backbone()
    prompt = torch.randn(3, backbone.model.get_input_embeddings().weight.shape[1], generator=rng())
    save_file({"prompt": prompt}, tmp_path / "prompt.safetensors")
    found = start_prompt(backbone, [], TargetConfig(init=str(tmp_path), prompt_length=3), 1)
    assert torch.equal(found, prompt)


def test_a_start_from_a_file_must_fit(tmp_path: Path) -> None:
    prompt = torch.randn(3, 4, generator=rng())
    save_file({"prompt": prompt}, tmp_path / "prompt.safetensors")
    assert torch.equal(start_from_file(tmp_path, 3, 4), prompt)
    assert torch.equal(start_from_file(tmp_path / "prompt.safetensors", 3, 4), prompt)
    with pytest.raises(BundleError, match=r"shape \[5, 4\], got \[3, 4\]"):
        start_from_file(tmp_path, 5, 4)
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    for name in ("bad.safetensors", "missing.safetensors"):
        with pytest.raises(BundleError, match=name):
            start_from_file(tmp_path / name, 3, 4)
    (tmp_path / "bundle.json").write_text("{}")  # a whole bundle: its digest counts
    with pytest.raises(BundleError, match="format"):
        start_from_file(tmp_path, 3, 4)
