"""Loading backbones: right kinds load frozen, wrong ones are refused with advice."""

from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM

from dawgen.errors import ModelError
from dawgen.models.load import fingerprint, load_generator, load_target
from support.tiny import CAUSAL, Kind, save_tiny, tiny_gpt2, tiny_tokenizer


@pytest.mark.parametrize("kind", CAUSAL)
def test_causal_models_load_frozen_and_in_eval_mode(
    kind: Kind, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = str(save_tiny(kind, tmp_path))
    capfd.readouterr()
    backbone = load_generator(folder)
    assert capfd.readouterr().err == ""
    assert backbone.kind == "causal"
    assert not backbone.model.training
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())
    assert backbone.tokenizer.pad_token_id is not None


def test_target_takes_both_kinds_and_generator_refuses_seq2seq(tmp_path: Path) -> None:
    t5, gpt2 = str(save_tiny("t5", tmp_path / "t5")), str(save_tiny("gpt2", tmp_path / "gpt2"))
    assert load_target(t5).kind == "seq2seq"
    assert load_target(gpt2).kind == "causal"
    with pytest.raises(ModelError, match="expected a causal"):
        load_generator(t5)


def test_encoder_is_refused(tmp_path: Path) -> None:
    size = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    BertForMaskedLM(BertConfig(vocab_size=len(tiny_tokenizer()), **size)).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="BertForMaskedLM"):
        load_target(str(tmp_path))


def test_float16_is_refused_for_t5_only(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="overflow"):
        load_target(str(save_tiny("t5", tmp_path / "t5")), dtype="float16")
    assert load_target(str(save_tiny("gpt2", tmp_path / "gpt2")), dtype="float16").model.dtype == torch.float16


def test_missing_folder_empty_folder_and_unreachable_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="there is none"):
        load_generator(str(tmp_path / "nowhere"))
    for name in (str(tmp_path), "nobody/such-model"):
        with pytest.raises(ModelError, match="bundled model") as caught:
            load_generator(name)
        assert len(str(caught.value).splitlines()) <= 2


def test_fingerprint_sees_weights_and_not_the_dtype_of_loading(tmp_path: Path) -> None:
    folder = str(save_tiny("gpt2", tmp_path))
    plain = load_generator(folder)
    assert load_generator(folder, dtype="bfloat16").fingerprint == plain.fingerprint
    assert fingerprint(tiny_gpt2(seed=1), tiny_tokenizer()) != plain.fingerprint


def test_incomplete_and_damaged_weights_are_refused(tmp_path: Path) -> None:
    weights = save_tiny("llama", tmp_path) / "model.safetensors"
    tensors = load_file(weights)
    save_file({name: value for name, value in tensors.items() if "lm_head" not in name}, weights, {"format": "pt"})
    with pytest.raises(ModelError, match="lack 1 tensors, lm_head.weight"):
        load_generator(str(tmp_path))
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(ModelError, match="could not load it"):
        load_generator(str(tmp_path))
