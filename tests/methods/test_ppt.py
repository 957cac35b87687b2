"""PPT: the pseudo task is of the task's shape and made of plain texts alone, and the prompt starts from it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.config import BaselineConfig, TargetConfig
from dawgen.errors import ConfigError, DataError
from dawgen.methods.interface import Given
from dawgen.methods.ppt import cluster_texts, cut_in_two, fit_ppt, make_pseudo, take_part
from dawgen.rng import python_rng
from dawgen.tasks import Task
from dawgen.tasks.task import GeneratorPrompts
from support.targets import make_backbone, make_pairs, make_task

TEXTS = [
    f"a {who} is {deed} in the {where}"
    for who in ("man", "dog", "bird", "child")
    for deed in ("running", "eating")
    for where in ("park", "garden", "street", "room", "kitchen")
]


def make_labels(count: int, *, pair: bool = True) -> Task:
    labels = tuple(f"label {number}" for number in range(count))
    template = "{text1} and {text2} {mask}" if pair else "{text1} {mask}"
    prompts = GeneratorPrompts(prompts={label: label for label in labels})
    return make_task(labels=labels, label_words=None, pair=pair, template=template, generator=prompts)


def make_given(steps: int = 5, **changes: Any) -> Given:
    target, baselines = TargetConfig(prompt_length=3, steps=4, batch_size=4), BaselineConfig(pretraining_steps=steps)
    values: dict[str, Any] = {"task": make_task(), "real": make_pairs(8, 1), "target": target, "baselines": baselines}
    return Given(**(values | {"unlabelled": TEXTS} | changes))


@pytest.mark.parametrize("count", [2, 3])
def test_pairs_are_halves_of_texts(count: int) -> None:
    task = make_labels(count)
    pseudo = make_pseudo(TEXTS, task, 0)
    assert Counter(row.label for row in pseudo) == dict.fromkeys(task.labels, len(TEXTS))
    for row in pseudo:
        joined = f"{row.text1} {row.text2}"
        if row.label == task.labels[0]:
            assert joined in TEXTS
        elif row.label == task.labels[-1]:
            assert any(text.endswith(str(row.text2)) for text in TEXTS)
        else:
            assert f" {row.text2} " in f" {row.text1} "
    assert make_pseudo(TEXTS, task, 0) == pseudo
    assert make_pseudo(TEXTS, task, 1) != pseudo


@pytest.mark.parametrize(("count", "pair"), [(4, True), (2, False), (4, False)])
def test_other_tasks_get_clusters(count: int, pair: bool) -> None:
    pseudo = make_pseudo(TEXTS, make_labels(count, pair=pair), 0)
    assert len({row.label for row in pseudo}) == count
    assert {row.text1 if not pair else f"{row.text1} {row.text2}" for row in pseudo} == set(TEXTS)


def test_clusters_are_of_like_texts() -> None:
    texts = [f"the {word} {end}" for word in ("football match", "rainy weather") for end in ("today", "again", "here")]
    found = cluster_texts(texts, 2, 0)
    assert found[:3] == [found[0]] * 3
    assert found[3:] == [1 - found[0]] * 3


def test_texts_are_cut_at_a_sentence_end_or_in_the_middle() -> None:
    assert cut_in_two("One two. Three four? Five six! Seven.") == ("One two. Three four?", "Five six! Seven.")
    assert cut_in_two("one two three four five") == ("one two", "three four five")
    part = take_part("one two three four five", python_rng(0, "test"))
    assert part in "one two three four five"
    assert 3 <= len(part.split()) <= 5


def test_the_prompt_goes_on_from_the_pretrained_one() -> None:
    stages: list[str] = []
    given = make_given(log=lambda row: stages.append(row["stage"]))
    prompts = [fit_ppt(make_backbone(), make_given(steps)).prompt_ for steps in (5, 5, 6)]
    assert torch.equal(prompts[0], prompts[1])
    assert not torch.equal(prompts[0], prompts[2])
    fit_ppt(make_backbone(), given)
    assert stages == ["pretraining"] * 5 + ["target"] * 4
    assert given.facts == {"n_unlabelled": len(TEXTS)}


def test_a_killed_pretraining_is_not_done_again(tmp_path: Path) -> None:
    stages: list[str] = []
    first = fit_ppt(make_backbone(), make_given(checkpoint=tmp_path / "checkpoint.pt"))
    (tmp_path / "checkpoint.pt").unlink()
    again = make_given(checkpoint=tmp_path / "checkpoint.pt", log=lambda row: stages.append(row["stage"]))
    assert torch.equal(fit_ppt(make_backbone(), again).prompt_, first.prompt_)
    assert stages == ["target"] * 4


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(ConfigError, match="--unlabelled"):
        fit_ppt(make_backbone(), make_given(unlabelled=None))
    with pytest.raises(DataError, match="expected 16 different unlabelled texts or more of 4 words or more, got 2"):
        fit_ppt(make_backbone(), make_given(unlabelled=[*TEXTS[:2], *["too short"] * 30]))
    with pytest.raises(DataError, match="too alike"):
        cluster_texts(["the same words"] * 9, 2, 0)
