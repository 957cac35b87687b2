"""Baselines: the same scoring without a prompt, and shots that fit the window."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.scorer import Scorer
from dawgen.config import BaselineConfig, TargetConfig
from dawgen.methods.in_context import fit_in_context, predict_in_context, write_answered
from dawgen.methods.interface import Given, write_question
from dawgen.methods.table import METHODS
from dawgen.methods.zero_shot import fit_zero_shot, predict_zero_shot
from dawgen.models.load import Backbone
from dawgen.records import Example
from support.targets import LABELS, TARGETS, make_backbone, make_chat_backbone, make_pairs, make_scorer, make_task
from support.tiny import Kind


def ask(backbone: Backbone) -> Scorer:
    return Scorer.of(backbone, make_task(), TargetConfig())


@pytest.mark.parametrize("kind", TARGETS)
def test_zero_shot_is_scoring_without_a_prompt(kind: Kind) -> None:
    backbone, task, pairs = make_backbone(kind), make_task(), make_pairs(5)
    scores = predict_zero_shot(backbone, task, pairs)
    assert scores.shape == (5, 2) and scores.dtype == np.float32
    scorer = make_scorer(backbone, [82, 12])
    wanted = scorer.score(scorer.render(pairs).ids, torch.empty(0, 32))
    np.testing.assert_array_equal(scores, wanted.numpy())


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("length", ["auto", 5])
def test_zero_shot_is_the_first_step_of_a_prompt_from_the_question(kind: Kind, length: Any) -> None:
    backbone, task, pairs = make_backbone(kind), make_task(question="is it the same ? yes or no"), make_pairs(5)
    config = TargetConfig(init="question", prompt_length=length)
    asked = predict_zero_shot(backbone, task, pairs, config)
    # at a rate of next to nothing a step leaves the start as it is
    still = PromptClassifier(backbone, task, init="question", prompt_length=length, steps=1, lr=1e-12, weight_decay=0.0)
    still.fit(make_pairs(4))
    np.testing.assert_allclose(asked, still.scorer_.score_examples(pairs, still.prompt_), atol=1e-6)
    assert not np.allclose(asked, predict_zero_shot(backbone, task, pairs), atol=1e-4)


@pytest.mark.parametrize("kind", TARGETS)
def test_the_question_stands_before_the_shots(kind: Kind) -> None:
    backbone, task, pairs = make_backbone(kind), make_task(question="is it the same ?"), make_pairs(5)
    given = Given(task, make_pairs(4, 1), target=TargetConfig(init="question", prompt_length="auto"))
    alone = fit_in_context(backbone, replace(given, real=[]))
    assert alone.predict(pairs).tolist() == fit_zero_shot(backbone, given).predict(pairs).tolist()
    scorer, start = ask(backbone), write_question(backbone, task, given.target)
    behind = predict_in_context(scorer, task, given.real, pairs, seed=0, prompt=start)
    assert not np.allclose(behind, predict_in_context(scorer, task, given.real, pairs, seed=0), atol=1e-6)


@pytest.mark.parametrize("kind", TARGETS)
def test_without_shots_in_context_is_zero_shot(kind: Kind) -> None:
    backbone, task, pairs = make_backbone(kind), make_task(), make_pairs(5)
    np.testing.assert_array_equal(
        predict_in_context(ask(backbone), task, [], pairs, seed=0), predict_zero_shot(backbone, task, pairs)
    )


@pytest.mark.parametrize("kind", TARGETS)
def test_shots_change_the_answer_and_the_seed_their_order(kind: Kind) -> None:
    backbone, task, shots, pairs = make_backbone(kind), make_task(), make_pairs(16, 1), make_pairs(5)
    scores = [predict_in_context(ask(backbone), task, shots, pairs, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2], atol=1e-6)
    assert not np.allclose(scores[0], predict_zero_shot(backbone, task, pairs), atol=1e-6)


def test_rounds_are_balanced_and_answered() -> None:
    backbone, task = make_backbone(), make_task()
    shots = [*make_pairs(8, 1), Example("a boy is running", "a boy is running", LABELS[0])]
    rounds = write_answered(ask(backbone), task, shots, seed=3)
    assert len(rounds) == 4
    for tokens in rounds:
        text = backbone.tokenizer.decode(tokens)
        assert text.count("answer yes") == text.count("answer no") == 1
        assert "</s>" not in text and "<extra_id_0>" not in text


def test_in_a_chat_model_shots_are_turns() -> None:
    backbone, task = make_chat_backbone(), make_task()
    scorer, pairs = ask(backbone), make_pairs(3)
    (tokens,) = write_answered(scorer, task, make_pairs(2, 1), seed=3)
    text = backbone.tokenizer.decode(tokens).replace(" ", "")
    assert text.count("answer</u><a>yes</a><u>") == text.count("answer</u><a>no</a><u>") == 1
    assert text.endswith("</a><u>") and not text.startswith("<")
    shots = make_pairs(2, 1)
    found = predict_in_context(scorer, task, shots, pairs, seed=3)
    rows = [[*tokens, *row] for row in scorer.render(pairs).ids]
    np.testing.assert_array_equal(found, scorer.score(rows, torch.empty(0, 32)).numpy())


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_rows_stay_inside_the_window(kind: Kind) -> None:
    backbone, task = make_backbone(kind), make_task()
    long = Example("a dog is sleeping " * 30, "somebody is awake", LABELS[0])
    scores = predict_in_context(ask(backbone), task, make_pairs(30, 1), [long, *make_pairs(3)], seed=0)
    assert np.isfinite(scores).all()  # GPT-2 raises beyond its 96 positions


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_calibration_divides_by_the_answer_to_nothing(kind: Kind) -> None:
    backbone, task, shots = make_backbone(kind), make_task(), make_pairs(4, 1)
    pairs = [*make_pairs(4), Example("a dog is sleeping " * 12, "somebody is awake")]  # leaves room for fewer shots
    plain = predict_in_context(ask(backbone), task, shots, pairs, seed=0)
    calibrated = predict_in_context(ask(backbone), task, shots, pairs, seed=0, calibrate=True)
    np.testing.assert_allclose(np.exp(calibrated).sum(1), 1, rtol=1e-5)
    free = [Example(text, text) for text in ("N/A", "", "[MASK]")]
    pull = np.exp(predict_in_context(ask(backbone), task, shots, free, seed=0)).mean(0)
    wanted = np.exp(plain[:4]) / pull
    np.testing.assert_allclose(np.exp(calibrated[:4]), wanted / wanted.sum(1, keepdims=True), rtol=1e-4)
    again = predict_in_context(ask(backbone), task, shots, free, seed=0, calibrate=True)
    assert abs(np.exp(again).mean(0) - 0.5).max() < abs(pull - 0.5).max()


NAMES = {"same": "the same", "different": "not the same man"}


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
@pytest.mark.parametrize(
    "name",
    ["zero_shot", "in_context", "in_context_calibrated", "prompt_tuning", "dawgen", "ppt", "soft_fine_tuning", "lora"],
)
def test_methods_take_names_of_several_tokens(name: str, kind: Kind) -> None:
    backbone, task, pairs = make_backbone(kind), make_task(label_words=NAMES), make_pairs(12)
    given = Given(
        task,
        pairs,
        synthetic=make_pairs(8, 1),
        unlabelled=[f"{pair.text1}. {pair.text2} and {place} is red" for place, pair in enumerate(make_pairs(40, 2))],
        target=TargetConfig(steps=8, prompt_length=4, batch_size=4, rate=0.2),
        baselines=BaselineConfig(pretraining_steps=2, tuning_lr=3e-3),
        log=(records := []).append,
    )
    found = METHODS[name].fit(backbone, given)
    assert set(found.predict(pairs)) <= set(LABELS)
    losses = [row["loss_real"] for row in records if row["stage"] == "target" and row.get("loss_real") is not None]
    assert METHODS[name].steps == bool(losses) and all(map(math.isfinite, losses))
    assert not losses or min(losses[1:]) < losses[0]
