"""What could not be kept or read again is refused before a step is made."""

from typing import Any

import pytest

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.plan import plan_prompt
from dawgen.config import TargetConfig
from dawgen.errors import BundleError, ConfigError
from dawgen.prompt.bundle.format import load_bundle
from support.targets import make_backbone, make_pairs, make_task


def plan(kind: Any = "t5", task: Any = None, **settings: Any) -> Any:
    config = TargetConfig(**({"prompt_length": 3, "steps": 1} | settings))
    return plan_prompt(make_backbone(kind), task or make_task(), config, schedule="real", seed=13)


def test_a_plan_has_the_start_of_the_training() -> None:
    made = plan()
    assert made.start.shape == (3, 32) and made.config.length == 3


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("gpt2", {"prompt_length": 1000}),  # its window
        ("gpt2", {"prompt_length": 1000, "placement": "behind"}),
        ("t5", {"max_tokens": 4}),
        ("t5", {"chat": True}),
    ],
)
def test_what_the_model_cannot_do_is_refused(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        plan(kind, **settings)


def test_a_window_bounds_encoder_decoders_too(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = make_backbone("t5")
    monkeypatch.setattr(backbone.model.config, "max_position_embeddings", 64, raising=False)
    assert plan(prompt_length=20, max_tokens=256).scorer.max_tokens == 44
    assert plan(prompt_length=20, max_tokens=256, placement="behind").scorer.max_tokens == 64
    for placement in ("before", "behind"):
        with pytest.raises(ConfigError, match="Set a shorter prompt"):
            plan(prompt_length=70, placement=placement)


@pytest.mark.parametrize(
    "changes",
    [
        {"template": "{text1} and {text2} answer " + "x" * 4000 + " {mask}"},
        {"first_texts": "x" * 2**20},
    ],
)
def test_what_a_bundle_cannot_hold_is_refused_before_the_first_step(changes: dict[str, Any]) -> None:
    steps: list[Any] = []
    classifier = PromptClassifier(make_backbone(), make_task(**changes), prompt_length=3, steps=1, max_tokens=9000)
    with pytest.raises(ConfigError, match="expected a prompt that a bundle can hold"):
        classifier.fit(make_pairs(4), log=steps.append)
    assert steps == []


@pytest.mark.parametrize("label", ["\U0001f600", "\u0915", "日本"])
def test_a_label_that_the_tokenizer_cannot_write_is_refused(label: str) -> None:
    task = make_task(label_words={"same": "yes", "different": label})
    with pytest.raises(ConfigError, match="label word"):
        plan(task=task)


def test_what_is_planned_can_be_saved_and_read(tmp_path: Any) -> None:
    for length in (1, 3, 200):
        classifier = PromptClassifier(make_backbone(), make_task(), prompt_length=length, steps=1).fit(make_pairs(4))
        classifier.save(tmp_path / str(length))
        prompt, info = load_bundle(tmp_path / str(length))
        assert len(prompt) == info.settings.prompt_length == length


def test_a_start_of_another_length_is_refused(tmp_path: Any) -> None:
    PromptClassifier(make_backbone(), make_task(), prompt_length=3, steps=1).fit(make_pairs(4)).save(tmp_path)
    with pytest.raises(BundleError, match="prompt_length"):
        plan(prompt_length=5, init=str(tmp_path))
