"""The classifier from fit to bundle, by scikit-learn's conventions."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import TargetConfig
from dawgen.errors import BundleError, ConfigError, DataError
from dawgen.models.load import load_target
from dawgen.prompt.question import encode_question
from dawgen.records import Example
from support.bundles import read_content
from support.targets import LABELS, make_backbone, make_chat_backbone, make_pairs, make_task
from support.tiny import save_tiny

SMALL = {"prompt_length": 4, "steps": 6, "batch_size": 4}


def fit(model: Any = None, *, synthetic: bool = True, dev: bool = False, **changes: Any) -> PromptClassifier:
    classifier = PromptClassifier(model or make_backbone(), make_task(), **(SMALL | changes))
    extra = make_pairs(12, 2) if synthetic else None
    return classifier.fit(make_pairs(8, 1), synthetic=extra, dev=make_pairs(8, 3) if dev else None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("t5", tmp_path_factory.mktemp("models") / "t5")


def test_parameters_are_the_settings_and_only_stored() -> None:
    classifier = PromptClassifier(lr=-1.0, steps="many")  # type: ignore[arg-type]
    values = classifier.get_params()
    assert set(TargetConfig.model_fields) <= set(values)
    assert {name: values[name] for name in TargetConfig.model_fields if name not in ("lr", "steps")} == {
        name: value for name, value in TargetConfig() if name not in ("lr", "steps")
    }
    assert clone(classifier).get_params() == values
    backbone = make_backbone()
    assert clone(PromptClassifier(backbone)).model is backbone
    with pytest.raises(ConfigError, match="target.lr"):
        PromptClassifier(backbone, make_task(), lr=-1.0).fit(make_pairs(4))


def test_a_prompt_as_long_as_the_question_is_saved_with_its_number(tmp_path: Path, folder: Path) -> None:
    backbone = load_target(str(folder))
    task = make_task(question="is it the same ? yes or no")
    settings = SMALL | {"prompt_length": "auto", "init": "question"}
    classifier = PromptClassifier(backbone, task, **settings).fit(make_pairs(8, 1))
    length = len(encode_question(backbone.tokenizer, "is it the same ? yes or no"))
    assert classifier.prompt_.shape == (length, 32) and classifier.prompt_length == "auto"
    classifier.save(tmp_path)
    loaded = PromptClassifier.load(tmp_path, backbone)
    assert loaded.prompt_length == length and loaded.task_.question == task.question
    np.testing.assert_array_equal(loaded.predict_proba(make_pairs(4)), classifier.predict_proba(make_pairs(4)))


@pytest.mark.parametrize("chat", ["auto", True, False])
def test_a_chat_template_is_kept_in_the_bundle(tmp_path: Path, chat: Any) -> None:
    backbone = make_chat_backbone()
    classifier = fit(backbone, chat=chat)
    assert bool(classifier.scorer_.front) is bool(chat)
    classifier.save(tmp_path)
    changed = replace(backbone, tokenizer=copy.deepcopy(backbone.tokenizer))
    changed.tokenizer.chat_template = None  # a bundle does not depend on it
    loaded = PromptClassifier.load(tmp_path, changed)
    assert loaded.scorer_.chat == classifier.scorer_.chat and loaded.chat == chat
    np.testing.assert_array_equal(loaded.predict_proba(make_pairs(4)), classifier.predict_proba(make_pairs(4)))


def test_a_bundle_from_before_chat_templates_has_none(tmp_path: Path) -> None:
    backbone = make_chat_backbone()
    classifier = fit(backbone, chat=False)
    classifier.save(tmp_path)
    content = read_content(tmp_path)
    assert not {"front", "closing"} & set(content) and "chat" not in content["settings"]
    loaded = PromptClassifier.load(tmp_path, backbone)
    assert loaded.chat is False and not loaded.scorer_.front
    np.testing.assert_array_equal(loaded.predict_proba(make_pairs(4)), classifier.predict_proba(make_pairs(4)))


def test_a_chat_template_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"target\.chat: the model's tokenizer has no chat template"):
        fit(chat=True)


def test_predictions_follow_the_probabilities_for_every_kind_of_item() -> None:
    classifier, pairs = fit(), make_pairs(6, 5)
    probabilities = classifier.predict_proba(pairs)
    assert probabilities.shape == (6, 2) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert classifier.classes_.tolist() == sorted(LABELS)
    labels = classifier.predict(pairs)
    assert labels.tolist() == [sorted(LABELS)[k] for k in probabilities.argmax(1)]
    assert classifier.predict([(pair.text1, str(pair.text2)) for pair in pairs]).tolist() == labels.tolist()
    assert classifier.score(pairs) == np.mean([a == b.label for a, b in zip(labels, pairs, strict=True)])
    assert classifier.predict([]).shape == (0,)


def test_single_texts_of_three_labels_without_a_task() -> None:
    texts = [
        Example(f"the {word} is {mood}", None, mood)
        for word in ("dog", "meal", "trip")
        for mood in ("good", "bad", "great")
    ]
    classifier = PromptClassifier(make_backbone("gpt2"), **SMALL).fit(texts)
    assert classifier.predict(["the meal is bad", "a good song"]).shape == (2,)
    assert set(classifier.label_words_.words) == {"good", "bad", "great"}


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert torch.equal(fit().prompt_, fit().prompt_)
    assert not torch.equal(fit().prompt_, fit(seed=1).prompt_)


def test_paired_without_a_synthetic_set_trains_on_real_rows() -> None:
    assert torch.equal(fit(synthetic=False).prompt_, fit(synthetic=False, schedule="real").prompt_)
    for schedule in ("synthetic", "pooled", "real_then_synthetic", "synthetic_then_real"):
        with pytest.raises(ConfigError, match=schedule):
            fit(synthetic=False, schedule=schedule)
    with pytest.raises(ConfigError, match="expected real"):
        fit(schedule="mixed")


@pytest.mark.parametrize("init", ["label_words", "vocabulary", "random"])
def test_every_start_trains(init: str) -> None:
    assert torch.isfinite(fit(init=init).prompt_).all()


def test_a_bundle_comes_back_whole(folder: Path, tmp_path: Path) -> None:
    classifier = fit(load_target(str(folder)), dev=True)
    classifier.save(tmp_path / "bundle", metrics={"accuracy": 0.5})
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == ["bundle.json", "prompt.safetensors"]
    info = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert info["label_words"] == ["yes", "no"] and info["metrics"] == {"accuracy": 0.5}
    for loaded in (
        PromptClassifier.load(tmp_path / "bundle"),
        PromptClassifier.load(tmp_path / "bundle", load_target(str(folder))),
    ):
        np.testing.assert_array_equal(loaded.predict_proba(make_pairs(5)), classifier.predict_proba(make_pairs(5)))
        assert loaded.get_params()["steps"] == 6 and loaded.metrics_ == {"accuracy": 0.5}
    loaded.save(tmp_path / "again", metrics=loaded.metrics_)
    assert loaded.digest_ == classifier.digest_ == info["digest"]
    for name in ("bundle.json", "prompt.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "bundle" / name).read_bytes()


def test_a_bundle_works_in_bfloat16(folder: Path, tmp_path: Path) -> None:
    half = fit(load_target(str(folder), dtype="bfloat16"))
    assert half.prompt_.dtype == torch.float32
    half.save(tmp_path / "half")
    assert PromptClassifier.load(tmp_path / "half").backbone_.model.dtype == torch.bfloat16


def test_a_wrong_base_is_refused(folder: Path, tmp_path: Path) -> None:
    fit(load_target(str(folder))).save(tmp_path / "bundle")
    other = save_tiny("t5", tmp_path / "other", seed=1)
    with pytest.raises(BundleError, match="weights of .*other are others"):
        PromptClassifier.load(tmp_path / "bundle", str(other))
    wide = save_tiny("t5", tmp_path / "wide", d_model=48)
    with pytest.raises(BundleError, match="width is 32"):
        PromptClassifier.load(tmp_path / "bundle", str(wide))
    words = save_tiny("t5", tmp_path / "words")
    text = (words / "tokenizer.json").read_text()
    (words / "tokenizer.json").write_text(text.replace('"▁dog"', '"▁dig"'))
    with pytest.raises(BundleError, match="tokenizer"):
        PromptClassifier.load(tmp_path / "bundle", str(words))


def test_golden_outputs_notice_a_base_that_computes_something_else(folder: Path, tmp_path: Path) -> None:
    fit(load_target(str(folder))).save(tmp_path / "bundle")
    changed = load_target(str(folder))
    assert changed.exact  # it and the fingerprint were taken before the change
    changed.model.shared.weight[82] += 0.05
    with pytest.raises(BundleError, match="golden outputs differ"):
        PromptClassifier.load(tmp_path / "bundle", changed)


def test_a_prompt_can_start_from_another_bundle(folder: Path, tmp_path: Path) -> None:
    first = fit(load_target(str(folder)))
    first.save(tmp_path / "bundle")
    second = fit(load_target(str(folder)), init_from=tmp_path / "bundle", lr=1e-9, weight_decay=0.0)
    torch.testing.assert_close(second.prompt_, first.prompt_, rtol=0, atol=1e-6)
    with pytest.raises(BundleError, match="prompt_length"):
        fit(load_target(str(folder)), init_from=tmp_path / "bundle", prompt_length=7)


def test_warnings_reach_the_classifier_and_the_bundle(tmp_path: Path) -> None:
    frozen = {"steps": 1, "lr": 1e-9, "weight_decay": 0.0, "init": "random", "synthetic": False}
    pool = make_pairs(80, 7)
    predicted = fit(make_backbone("llama"), **frozen).predict(pool)
    assert set(predicted) == set(LABELS)
    opposite = [
        Example(p.text1, p.text2, LABELS[1 - LABELS.index(said)]) for p, said in zip(pool, predicted, strict=True)
    ]
    warned = fit_on(opposite, frozen)
    assert [warning.split(":")[0] for warning in warned.warnings_] == ["below chance"]
    warned.save(tmp_path / "bundle")
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["warnings"] == warned.warnings_
    one_sided = [Example(p.text1, p.text2, LABELS[k % 2]) for k, p in enumerate(pool) if predicted[k] == predicted[0]]
    assert [warning.split(":")[0] for warning in fit_on(one_sided, frozen).warnings_] == ["collapsed"]
    assert (
        fit_on([Example(p.text1, p.text2, str(y)) for p, y in zip(pool, predicted, strict=True)], frozen).warnings_
        == []
    )


def fit_on(dev: list[Example], settings: dict[str, Any]) -> PromptClassifier:
    values = {name: value for name, value in (SMALL | settings).items() if name != "synthetic"}
    return PromptClassifier(make_backbone("llama"), make_task(), **values).fit(make_pairs(8, 1), dev=dev)


def test_wrong_items_and_labels_are_named() -> None:
    classifier = fit()
    with pytest.raises(DataError, match="Put it in a list"):
        classifier.predict("a dog")
    with pytest.raises(DataError, match="item 1"):
        classifier.predict([("a", "b"), 3])  # type: ignore[list-item]
    with pytest.raises(DataError, match="a pair of texts"):
        classifier.predict(["a dog"])
    with pytest.raises(DataError, match="without a label"):
        classifier.score([("a", "b")])
    with pytest.raises(DataError, match="example 0: expected one of the labels same, different, got 'maybe'"):
        classifier.fit([Example("a", "b", "maybe")])


def test_long_texts_are_cut_and_counted() -> None:
    long = Example("a dog is sleeping " * 60, "a cat", "same")
    classifier = PromptClassifier(make_backbone(), make_task(), **SMALL, max_tokens=30)
    classifier.fit([*make_pairs(7), long])
    assert classifier.cut_ == 1
    assert classifier.warnings_[0].startswith("cut: 1 ")
    assert classifier.count_cut([long, *make_pairs(3), long]) == 2
    assert not any(warning.startswith("cut") for warning in fit().warnings_)
