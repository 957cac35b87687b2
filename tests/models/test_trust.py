"""What a model folder brings along is not run: no pickles, no code, no adapters, unless it is trusted by name."""

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import dawgen.models.load
from dawgen.errors import ModelError
from dawgen.models.load import load_generator, load_target, read_config
from dawgen.models.trust import TRUST, is_trusted, weight_options
from support.tiny import save_tiny

CODE = """
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel
Path({marker!r}).write_text("ran")
class OwnConfig(GPT2Config):
    model_type = "own"
class OwnModel(GPT2LMHeadModel):
    config_class = OwnConfig
"""


class Payload:
    """A pickle of it runs a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture(autouse=True)
def untrusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRUST, raising=False)


def save_pickled(folder: Path, **more: Any) -> Path:
    """Write a GPT-2 whose weights are pickled, as many older models on the hub."""
    weights = save_tiny("gpt2", folder) / "model.safetensors"
    torch.save(load_file(weights) | more, folder / "pytorch_model.bin")
    weights.unlink()
    return folder


def save_own(folder: Path, marker: Path) -> Path:
    """Write a GPT-2 that brings its own code, which leaves a file when it runs."""
    config = save_tiny("gpt2", folder) / "config.json"
    names = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    own = {"model_type": "own", "architectures": ["OwnModel"], "auto_map": names}
    config.write_text(json.dumps(json.loads(config.read_text()) | own))
    (folder / "own.py").write_text(CODE.format(marker=str(marker)))
    return folder


def test_names_are_compared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_trusted("") and not is_trusted("owner/name")
    monkeypatch.setenv(TRUST, " owner/name, other/model,")
    assert is_trusted("owner/name") and is_trusted("other/model")
    for name in ("", "owner", "owner/name2", "name", "*", "owner/name, other/model"):
        assert not is_trusted(name)
    assert weight_options("owner/name") == {"trust_remote_code": True, "use_safetensors": None}
    assert weight_options("owner/nam") == {"trust_remote_code": False, "use_safetensors": True}


def test_pickled_weights_are_loaded_by_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(save_pickled(tmp_path / "pickled"))
    for load in (load_generator, load_target):
        with pytest.raises(ModelError, match=f"pickled.*safetensors.*{TRUST}={folder}") as caught:
            load(folder)
        assert len(str(caught.value).splitlines()) == 2
    monkeypatch.setenv(TRUST, folder)
    safe = load_target(str(save_tiny("gpt2", tmp_path / "safe")))
    assert load_target(folder).exact == safe.exact


def test_even_a_trusted_pickle_runs_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_pickled(tmp_path / "model", more=Payload(tmp_path / "ran"))
    monkeypatch.setenv(TRUST, str(folder))
    with pytest.raises(ModelError):
        load_target(str(folder))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(ModelError):
        load_target(str(folder))
    assert not (tmp_path / "ran").exists()


def test_safetensors_win_over_a_pickle_beside_them(tmp_path: Path) -> None:
    folder = save_tiny("gpt2", tmp_path)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    assert load_target(str(folder)).kind == "causal"
    assert not (tmp_path / "ran").exists()


def test_code_of_a_model_runs_by_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(save_own(tmp_path / "own", tmp_path / "ran"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run the code"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    for load in (load_target, load_generator, read_config):
        with pytest.raises(ModelError, match=f"code of its author.*{TRUST}={folder}"):
            load(folder)
    assert not (tmp_path / "ran").exists()
    monkeypatch.setenv(TRUST, folder)
    assert type(load_target(folder).model).__name__ == "OwnModel"
    assert (tmp_path / "ran").exists()


def test_code_beside_a_known_family_is_left_alone(tmp_path: Path) -> None:
    folder = save_own(tmp_path / "own", tmp_path / "ran")
    config = json.loads((folder / "config.json").read_text()) | {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    assert type(load_target(str(folder)).model).__name__ == "GPT2LMHeadModel"
    assert not (tmp_path / "ran").exists()


def test_attention_from_the_hub_is_code_too(tmp_path: Path) -> None:
    config = save_tiny("llama", tmp_path) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"attn_implementation": "someone/kernel"}))
    with pytest.raises(ModelError, match="'someone/kernel'"):
        load_target(str(tmp_path))


def test_an_adapter_beside_a_model_is_refused(tmp_path: Path) -> None:
    folder = save_tiny("gpt2", tmp_path)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "someone/else"}))
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(ModelError, match="found a PEFT adapter"):
        load_target(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "gpt2", "n_embd": "wide"}', '{"model_type": ["gpt2"]}'])
def test_a_damaged_config_is_refused(text: str, tmp_path: Path) -> None:
    (save_tiny("gpt2", tmp_path) / "config.json").write_text(text)
    with pytest.raises(ModelError):
        load_target(str(tmp_path))


def test_the_exact_hash_sees_the_last_bit_and_the_fingerprint_does_not(tmp_path: Path) -> None:
    first, second = load_target(str(save_tiny("gpt2", tmp_path))), load_target(str(tmp_path))
    assert first.exact == second.exact
    third = load_target(str(tmp_path))
    third.model.transformer.wte.weight[7, 7] *= 1 + 2**-23
    assert third.exact != first.exact
    again = dawgen.models.load.fingerprint(third.model, third.tokenizer)
    assert again == first.fingerprint
