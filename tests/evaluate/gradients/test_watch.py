"""The watch sees what training uses and changes nothing; the controls are what they are said to be."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.classifier.estimator import PromptClassifier
from dawgen.classifier.gradients import differentiate
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.surgery import operate
from dawgen.classifier.train import Moment
from dawgen.config import TargetConfig
from dawgen.evaluate.gradients.controls import draw_second, list_words, shuffle_labels, write_random
from dawgen.evaluate.gradients.watch import GradientWatch, StepView, apply_surgery
from support.targets import LABELS, make_backbone, make_pairs, make_task

SIZES: dict[str, Any] = {"prompt_length": 3, "steps": 6, "batch_size": 4, "eval_every": 3}
REAL, SYNTHETIC = make_pairs(8, 1), make_pairs(20, 2)


def train(kind: str = "t5", *, watch: Any = None, **changes: Any) -> PromptClassifier:
    classifier = PromptClassifier(make_backbone(kind), make_task(), **SIZES | changes, seed=4)  # type: ignore[arg-type]
    return classifier.fit(REAL, synthetic=SYNTHETIC, dev=make_pairs(6, 3), watch=watch)


def watch_training(kind: str = "t5", *, second: Any = (), **changes: Any) -> tuple[PromptClassifier, list[StepView]]:
    config = TargetConfig(**SIZES | changes)
    watch = GradientWatch(make_backbone(kind), make_task(), config, REAL, SYNTHETIC, second, seed=4)  # type: ignore[arg-type]
    return train(kind, watch=watch, **changes), watch.steps


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("t5", {}),
        ("gpt2", {}),
        ("t5", {"granularity": "token", "surgery": "gradvac"}),
        ("t5", {"granularity": "example", "surgery": "pcgrad"}),
        ("t5", {"placement": "behind"}),
        ("gpt2", {"placement": "behind", "granularity": "example"}),
    ],
)
def test_watching_changes_nothing_and_sees_the_steps_gradients(kind: str, changes: dict[str, Any]) -> None:
    alone = train(kind, **changes)
    watched, steps = watch_training(kind, **changes)
    assert torch.equal(alone.prompt_, watched.prompt_)
    assert len(steps) == 6
    assert max(step.error for step in steps) < 1e-4
    assert {step.groups["synthetic"].cos.shape for step in steps} == {(4,)}


def test_a_rows_numbers_are_those_of_the_row_alone() -> None:
    moments: list[Moment] = []
    config = TargetConfig(**SIZES)
    watch = GradientWatch(make_backbone(), make_task(), config, REAL, SYNTHETIC, (), seed=4)

    def look(moment: Moment) -> None:
        moments.append(moment)
        watch(moment)

    train(watch=look)
    moment, view = moments[2], watch.steps[2].groups["synthetic"]
    assert tuple(view.numbers) == moment.batch.synthetic
    scorer = Scorer.of(make_backbone(), make_task(), config)
    row = SYNTHETIC[moment.batch.synthetic[1]]
    label = LABELS.index(str(row.label))
    gradient, loss = differentiate(scorer, moment.prompt, scorer.render([row]).ids, [label], [1])
    assert view.norm[1] == pytest.approx(float(gradient.norm()), rel=1e-4)
    assert view.loss[1] == pytest.approx(float(loss), rel=1e-4)
    cos = torch.nn.functional.cosine_similarity(gradient.flatten(), moment.gradients[0].flatten(), dim=0)
    assert view.cos[1] == pytest.approx(float(cos), abs=1e-4)


def test_other_gradients_than_the_steps_are_noticed() -> None:
    config = TargetConfig(**SIZES)
    watch = GradientWatch(make_backbone(), make_task(), config, REAL, SYNTHETIC, (), seed=4)
    train(watch=lambda moment: watch(replace(moment, gradients=1.5 * moment.gradients)))
    assert min(step.error for step in watch.steps) == pytest.approx(1 / 3, rel=1e-3)


@pytest.mark.parametrize("granularity", ["prompt", "token", "example"])
@pytest.mark.parametrize("rule", ["none", "project", "drop", "pcgrad"])
def test_after_surgery_the_rows_mean_is_what_surgery_returned(rule: Any, granularity: Any) -> None:
    rng = torch.Generator().manual_seed(5)
    rows, real = torch.randn(6, 3, 4, generator=rng), torch.randn(3, 4, generator=rng)
    given_to = torch.stack([real, *rows]) if granularity == "example" else torch.stack([real, rows.mean(0)])
    result = operate(real, rows if granularity == "example" else rows.mean(0), rule=rule, granularity=granularity)
    after = apply_surgery(rows, given_to, result)
    assert after.shape == rows.shape
    expected = result.synthetic.mean(0) if granularity == "example" else result.synthetic
    assert torch.allclose(after.mean(0), expected, atol=1e-6)
    if rule == "none":
        assert torch.equal(after, rows)
    if rule == "project" and granularity == "example":
        assert float((after * real).sum((1, 2)).min()) > -1e-5


def test_projection_leaves_no_step_in_conflict() -> None:
    _, before = watch_training(surgery="none")
    _, steps = watch_training(surgery="project")
    assert any(step.groups["synthetic"].batch_cos < 0 for step in before)
    assert min(step.groups["after"].batch_cos for step in steps) > -1e-4
    assert any(step.removed > 0 for step in steps)
    assert all(step.removed == 0 for step in before)
    assert all(np.array_equal(s.groups["after"].cos, s.groups["synthetic"].cos) for s in before)


def test_a_second_real_batch_shares_no_row_with_the_first() -> None:
    _, steps = watch_training()
    for step in steps:
        assert not set(step.groups["second_real"].numbers) & set(step.groups["real"].numbers)
    _, steps = watch_training(second=make_pairs(30, 7))
    assert max(step.groups["second_real"].numbers.max() for step in steps) > 8
    _, steps = watch_training(batch_size=8)  # all shots are in every batch
    assert all("second_real" not in step.groups for step in steps)


def test_only_paired_steps_can_be_watched() -> None:
    watch = GradientWatch(make_backbone(), make_task(), TargetConfig(**SIZES), REAL, SYNTHETIC, (), seed=4)
    with pytest.raises(ValueError, match="paired"):
        train(watch=watch, schedule="pooled")


quick = settings(deadline=None, max_examples=40)


@quick
@given(st.lists(st.integers(0, 2), min_size=2, max_size=30), st.integers(1, 40), st.integers(0, 99), st.data())
def test_second_rows_are_free_and_spread_over_labels(labels: list[int], size: int, seed: int, data: Any) -> None:
    taken = data.draw(st.sets(st.integers(0, len(labels) - 1)))
    rows = draw_second(labels, sorted(taken), size, seed=seed, step=3)
    assert len(rows) == len(set(rows)) == min(size, len(labels) - len(taken))
    assert not taken & set(rows)
    assert rows == draw_second(labels, sorted(taken), size, seed=seed, step=3)


@quick
@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(0, 99))
def test_shuffled_labels_are_the_same_labels(labels: list[int], seed: int) -> None:
    assert Counter(shuffle_labels(labels, seed=seed, step=1)) == Counter(labels)


def test_shuffled_labels_move() -> None:
    labels = [0, 1, 2] * 10
    kept = [np.mean(np.array(shuffle_labels(labels, seed=1, step=step)) == labels) for step in range(50)]
    assert np.mean(kept) == pytest.approx(1 / 3, abs=0.05)


def test_random_text_has_the_real_rows_words_and_the_rows_lengths() -> None:
    words = list_words(REAL)
    written = write_random(SYNTHETIC, words, LABELS, seed=1, step=0)
    assert {word for row in written for word in f"{row.text1} {row.text2}".split()} <= set(words)
    assert [len(row.text1.split()) for row in written] == [len(row.text1.split()) for row in SYNTHETIC]
    assert {row.label for row in written} == set(LABELS)
    assert written != write_random(SYNTHETIC, words, LABELS, seed=1, step=1)
    single = write_random([replace(SYNTHETIC[0], text2=None)], words, LABELS, seed=1, step=0)
    assert single[0].text2 is None
