"""Bundles on disk: what is damaged is refused with its reason."""

import json
from pathlib import Path

import pytest
import torch

from dawgen.config import TargetConfig
from dawgen.errors import BundleError
from dawgen.prompt.bundle import BundleInfo, check_golden, golden_examples, hash_tokenizer, load_bundle, save_bundle
from tiny import tiny_tokenizer


def make_info(**changes: object) -> BundleInfo:
    values = {
        "base": "tiny",
        "revision": None,
        "fingerprint": "f",
        "tokenizer": "t",
        "dtype": "float32",
        "task": {},
        "template": "{text1}",
        "labels": ("a", "b"),
        "label_words": ("yes", "no"),
        "label_ids": (1, 2),
        "decoder_sentinel": False,
        "max_tokens": 50,
        "schedule": "paired",
        "seed": 0,
        "settings": TargetConfig(),
        "golden": ((-0.5, -0.9),) * 4,
    }
    return BundleInfo.model_validate(values | changes)


def test_a_bundle_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    prompt = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    save_bundle(tmp_path, prompt.requires_grad_(), make_info(metrics={"accuracy": 0.7}))
    loaded, info = load_bundle(tmp_path)
    assert torch.equal(loaded, prompt) and info == make_info(metrics={"accuracy": 0.7})


def test_damage_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundle.json is missing"):
        load_bundle(tmp_path)
    save_bundle(tmp_path, torch.ones(3, 4), make_info())
    whole = json.loads((tmp_path / "bundle.json").read_text())
    for text, reason in [
        ("{", "damaged"),
        ("[]", "damaged"),
        (json.dumps(whole | {"labels": 3}), "damaged"),
        (json.dumps(whole | {"format": 2}), "newer dawgen"),
    ]:
        (tmp_path / "bundle.json").write_text(text)
        with pytest.raises(BundleError, match=reason):
            load_bundle(tmp_path)
    save_bundle(tmp_path, torch.full((3, 4), float("nan")), make_info())
    with pytest.raises(BundleError, match="finite"):
        load_bundle(tmp_path)
    (tmp_path / "prompt.safetensors").write_bytes(b"short")
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(tmp_path)
    (tmp_path / "prompt.safetensors").unlink()
    with pytest.raises(BundleError, match="damaged|missing"):
        load_bundle(tmp_path)


def test_golden_outputs_are_compared_by_dtype() -> None:
    info, outputs = make_info(), torch.tensor(((-0.5, -0.9),) * 4)
    check_golden(info, outputs + 5e-5, "float32")
    for wrong in (outputs + 2e-4, outputs * float("nan"), outputs[:, :1]):
        with pytest.raises(BundleError, match="golden"):
            check_golden(info, wrong, "float32")
    check_golden(make_info(dtype="bfloat16"), outputs + 2e-2, "bfloat16")


def test_golden_sentences_are_four_with_or_without_a_second() -> None:
    assert [example.text2 is None for example in golden_examples(False)] == [True] * 4
    assert len({example.text1 for example in golden_examples(True)}) == 4


def test_the_tokenizer_hash_sees_words_and_splitting() -> None:
    first, second = tiny_tokenizer(), tiny_tokenizer()
    assert hash_tokenizer(first) == hash_tokenizer(second)
    second.add_tokens(["zebra"])
    assert hash_tokenizer(first) != hash_tokenizer(second)
