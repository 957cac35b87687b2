"""Bundles on disk: what is damaged is refused with its reason."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.config import TargetConfig
from dawgen.errors import BundleError
from dawgen.prompt.bundle.checks import check_base, describe_base, hash_tokenizer
from dawgen.prompt.bundle.files import compute_digest
from dawgen.prompt.bundle.format import BundleInfo, load_bundle, save_bundle
from dawgen.prompt.bundle.golden import check_golden, golden_examples
from dawgen.prompt.label_words import resolve_label_words
from support.bundles import read_content
from support.targets import make_backbone, make_task
from support.tiny import tiny_t5, tiny_tokenizer

HALVES = ((-math.log(2), -math.log(2)),) * 4


def make_info(**changes: Any) -> BundleInfo:
    task = make_task()
    values = {
        **describe_base(make_backbone()),
        "task": task.model_dump(mode="json"),
        "template": task.template,
        "labels": task.labels,
        "label_words": ("yes", "no"),
        "label_ids": resolve_label_words(tiny_tokenizer(), ("yes", "no")).stored,
        "decoder_sentinel": False,
        "max_tokens": 50,
        "schedule": "paired",
        "seed": 0,
        "settings": TargetConfig(model="tiny", prompt_length=3, max_tokens=50),
        "golden": HALVES,
    }
    return BundleInfo.model_validate(values | changes)


def test_a_bundle_is_the_same_after_a_round_trip(tmp_path: Path) -> None:
    prompt = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    digest = save_bundle(tmp_path, prompt.requires_grad_(), make_info(metrics={"accuracy": 0.7}))
    loaded, info = load_bundle(tmp_path)
    assert torch.equal(loaded, prompt) and info == make_info(metrics={"accuracy": 0.7}, digest=digest)
    assert save_bundle(tmp_path / "again", loaded, info) == digest
    assert torch.equal(load_bundle(tmp_path, digest=digest)[0], prompt)
    modes = {(tmp_path / name).stat().st_mode for name in ("bundle.json", "prompt.safetensors")}
    assert len(modes) == 1  # a service that runs as another user reads both or none


def test_the_digest_is_of_the_content_and_not_of_its_spelling(tmp_path: Path) -> None:
    save_bundle(tmp_path, torch.ones(3, 4), make_info())
    content = read_content(tmp_path)
    (tmp_path / "bundle.json").write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert load_bundle(tmp_path)[1].digest == content["digest"]
    digests = {
        compute_digest(content, torch.ones(3, 4)),
        compute_digest(content, torch.ones(4, 3)),
        compute_digest(content, torch.ones(3, 4).index_fill(0, torch.tensor(2), 1 + 2**-23)),
        compute_digest(content | {"seed": 1}, torch.ones(3, 4)),
        compute_digest(content | {"seed": "0"}, torch.ones(3, 4)),
    }
    assert len(digests) == 5


def test_what_would_not_load_is_not_saved(tmp_path: Path) -> None:
    for changes, reason in (
        ({"template": "{text1}"}, "template"),
        ({"labels": ("a", "b")}, "labels"),
        ({"golden": HALVES[:3]}, "golden"),
    ):
        with pytest.raises(BundleError, match=reason):
            save_bundle(tmp_path / "bundle", torch.ones(3, 4), make_info(**changes))
    with pytest.raises(BundleError, match="rows"):
        save_bundle(tmp_path / "bundle", torch.ones(2000, 4), make_info())
    assert not (tmp_path / "bundle").exists()


def test_a_measure_that_is_no_number_is_saved_as_none(tmp_path: Path) -> None:
    save_bundle(tmp_path, torch.ones(3, 4), make_info(metrics={"loss": float("nan"), "best": [float("inf")]}))
    assert load_bundle(tmp_path)[1].metrics == {"loss": None, "best": [None]}


def test_damage_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundle.json is missing"):
        load_bundle(tmp_path)
    (tmp_path / "prompts" / "dawgen").mkdir(parents=True)
    (tmp_path / "prompts" / "dawgen" / "bundle.json").touch()
    with pytest.raises(BundleError, match=r"missing\. There are prompts/dawgen in it\."):
        load_bundle(tmp_path)
    save_bundle(tmp_path, torch.ones(3, 4), make_info())
    whole = json.loads((tmp_path / "bundle.json").read_text())
    for text, reason in [
        ("{", "damaged"),
        ("[]", "damaged"),
        (json.dumps(whole | {"labels": 3}), "digest"),
        (json.dumps(whole | {"format": 3}), "newer dawgen"),
        (json.dumps(whole | {"format": 1}), "Train the prompt again"),
    ]:
        (tmp_path / "bundle.json").write_text(text)
        with pytest.raises(BundleError, match=reason):
            load_bundle(tmp_path)
    save_bundle(tmp_path, torch.ones(3, 4), make_info())
    (tmp_path / "prompt.safetensors").write_bytes(b"short")
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(tmp_path)
    (tmp_path / "prompt.safetensors").unlink()
    with pytest.raises(BundleError, match="missing"):
        load_bundle(tmp_path)


def test_the_base_is_compared_bit_for_bit_in_its_own_dtype() -> None:
    backbone, prompt = make_backbone(), torch.ones(3, 32)
    check_base(prompt, make_info(), backbone)
    with pytest.raises(BundleError, match="by less than bfloat16"):
        check_base(prompt, make_info(weights="0" * 64), backbone)
    half = replace(backbone, model=tiny_t5().to(torch.bfloat16))
    check_base(prompt, make_info(weights="0" * 64), half)  # float32 bits are not there to be compared
    assert half.exact != backbone.exact


def test_golden_outputs_are_compared_by_dtype() -> None:
    info, outputs = make_info(), torch.tensor(HALVES)
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


def test_the_tokenizer_hash_sees_a_score_that_no_fixed_sentence_needs(tmp_path: Path) -> None:
    first = tiny_tokenizer()
    first.save_pretrained(tmp_path)
    spec = json.loads((tmp_path / "tokenizer.json").read_text())
    spec["model"]["vocab"] = [[piece, -9.0 if piece == "▁guitar" else score] for piece, score in spec["model"]["vocab"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    changed = type(first).from_pretrained(tmp_path)
    assert changed.get_vocab() == first.get_vocab()
    assert hash_tokenizer(changed) != hash_tokenizer(first)
