"""Methods with the prompt behind the text: what moves prompts, what asks without training, what keeps its own way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import BaselineConfig, TargetConfig
from dawgen.deploy.export.exporting import export_peft
from dawgen.errors import BundleError
from dawgen.methods.in_context import fit_in_context
from dawgen.methods.interface import Given
from dawgen.methods.prompts import fit_prompt
from dawgen.methods.spot import fit_spot
from dawgen.methods.table import METHODS
from dawgen.methods.zero_shot import predict_zero_shot
from support.targets import LABELS, TARGETS, make_backbone, make_chat_backbone, make_pairs, make_task
from support.tiny import Kind

BEHIND = TargetConfig(placement="behind", prompt_length=4, steps=3, batch_size=4)
QUESTION = "is it the same ? yes or no"


def make_given(**changes: Any) -> Given:
    values = {"task": make_task(), "real": make_pairs(8, 1), "dev": make_pairs(6, 2), "target": BEHIND} | changes
    return Given(**values)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("length", ["auto", 5])
@pytest.mark.parametrize("chat", [False, True])
def test_zero_shot_is_the_first_step_of_a_prompt_from_the_question(kind: Kind, length: Any, chat: bool) -> None:
    backbone = make_chat_backbone(kind) if chat else make_backbone(kind)
    task, pairs = make_task(question=QUESTION), make_pairs(5)
    config = TargetConfig(init="question", prompt_length=length, placement="behind")
    asked = predict_zero_shot(backbone, task, pairs, config)
    options: dict[str, Any] = {"steps": 1, "lr": 1e-12, "weight_decay": 0.0, "placement": "behind"}
    still = PromptClassifier(backbone, task, init="question", prompt_length=length, **options)
    still.fit(make_pairs(4))
    np.testing.assert_allclose(asked, still.scorer_.score_examples(pairs, still.prompt_), atol=1e-6)
    assert not np.allclose(asked, predict_zero_shot(backbone, task, pairs), atol=1e-4)


def test_what_a_causal_model_is_asked_reads_as_text_then_question_then_the_templates_end() -> None:
    backbone, pairs = make_backbone("llama"), make_pairs(3)
    task = make_task(question=QUESTION)
    scores = predict_zero_shot(backbone, task, pairs, replace_config(init="question", prompt_length="auto"))
    for pair, found in zip(pairs, scores, strict=True):
        text, question = f"{pair.text1} and {pair.text2}", backbone.tokenizer(f"\n{QUESTION}")["input_ids"]
        asked = [i for i in question if i not in backbone.tokenizer.all_special_ids]
        ids = [*backbone.tokenizer(text)["input_ids"], *asked, *backbone.tokenizer(" answer")["input_ids"]]
        logits = backbone.model(torch.tensor([ids])).logits[0, -1]
        words = [backbone.tokenizer(word)["input_ids"][0] for word in ("yes", "no")]
        torch.testing.assert_close(torch.from_numpy(found), logits[words].log_softmax(-1), atol=1e-5, rtol=0)


def replace_config(**changes: Any) -> TargetConfig:
    return BEHIND.model_copy(update=changes)


def test_in_context_learning_and_trained_weights_are_the_same_wherever_prompts_stand() -> None:
    pairs = make_pairs(6, 5)
    for fit in (fit_in_context, METHODS["soft_fine_tuning"].fit, METHODS["lora"].fit):
        found = []
        for placement in ("before", "behind"):
            target = replace_config(placement=placement, init="question")
            classifier = fit(make_backbone("llama"), make_given(target=target, task=make_task(question=QUESTION)))
            found.append(classifier.predict(pairs).tolist())
        assert found[0] == found[1]


@pytest.mark.parametrize("name", ["prompt_tuning", "dawgen", "pooled", "eda", "ppt"])
def test_every_method_of_soft_prompts_trains_behind_the_text(name: str, tmp_path: Path) -> None:
    texts = [pair.text1 for pair in make_pairs(40, 6)]
    given = make_given(synthetic=make_pairs(12, 3), unlabelled=texts, baselines=BaselineConfig(pretraining_steps=2))
    classifier = METHODS[name].fit(make_backbone(), given)
    classifier.save(tmp_path / "bundle")
    loaded = PromptClassifier.load(tmp_path / "bundle", make_backbone())
    assert loaded.placement == "behind" and loaded.scorer_.placement == "behind"
    assert set(loaded.predict(make_pairs(4))) <= set(LABELS)


def test_a_prompt_that_stands_elsewhere_is_no_start(tmp_path: Path) -> None:
    backbone = make_backbone()
    fit_prompt(backbone, make_given(target=replace_config(placement="before"))).save(tmp_path / "before")
    fit_prompt(backbone, make_given()).save(tmp_path / "behind")
    sources = sources_of(tmp_path / "before")
    with pytest.raises(BundleError, match="expected a prompt behind the text, this one was trained before it"):
        fit_spot(backbone, make_given(baselines=sources))
    with pytest.raises(BundleError, match="Set target.placement to before"):
        fit_prompt(backbone, make_given(), init_from=tmp_path / "before")
    with pytest.raises(BundleError, match="Set target.placement to behind"):
        fit_prompt(backbone, make_given(target=replace_config(placement="before")), init_from=tmp_path / "behind")
    assert fit_spot(backbone, make_given(baselines=sources_of(tmp_path / "behind"))).placement == "behind"


def sources_of(*places: Path) -> Any:
    return BaselineConfig(prompt_sources=tuple(map(str, places)))


def test_peft_has_no_place_for_a_prompt_behind_the_text(tmp_path: Path) -> None:
    fit_prompt(make_backbone(), make_given()).save(tmp_path / "bundle")
    with pytest.raises(BundleError, match="stands behind it, where PEFT cannot put it"):
        export_peft(tmp_path / "bundle", tmp_path / "adapter", model=make_backbone())
    assert not (tmp_path / "adapter").exists()
