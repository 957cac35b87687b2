"""What a generator takes in Python, and what it refuses by name."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from dawgen.errors import ConfigError, DataError
from dawgen.generator.estimator import Generator
from dawgen.generator.given import choose_task
from dawgen.records import Example
from dawgen.tasks import GeneratorPrompts, Task
from support.targets import make_backbone, make_pairs, make_task

PAIRS = [(pair.text1, str(pair.text2)) for pair in make_pairs(8)]
LABELS = [str(pair.label) for pair in make_pairs(8)]


TASK = make_task(
    generator=GeneratorPrompts(prompts={"same": "a man is sleeping", "different": "a dog is eating"}, infix="and then")
)


def make(**changes: Any) -> Generator:
    return Generator(**({"model": make_backbone("gpt2"), "task": TASK, "steps": 1, "device": "cpu"} | changes))


@pytest.fixture(scope="module")
def fitted() -> Generator:
    return make().fit(make_pairs(8))


def test_texts_and_labels_are_the_same_tuning_as_examples(fitted: Generator) -> None:
    frame = pd.DataFrame(PAIRS, columns=["text1", "text2"])
    for texts, labels in ((PAIRS, LABELS), (frame, pd.Series(LABELS)), (np.array(PAIRS), np.array(LABELS))):
        again = make(steps=np.int64(1), seed=np.int32(13)).fit(texts, labels)
        np.testing.assert_array_equal(again.log_likelihood(PAIRS), fitted.log_likelihood(make_pairs(8)))


@pytest.mark.parametrize("wrong", [None, "a dog", {"text1": PAIRS}, iter(PAIRS), [1], [PAIRS[0], "a"], [None], 3])
def test_what_are_no_examples_is_refused(wrong: Any, fitted: Generator) -> None:
    for call in (make().fit, fitted.log_likelihood):
        with pytest.raises(DataError, match=r"expected|items"):
            call(wrong)
    with pytest.raises(DataError):
        make().fit(wrong, LABELS)


@pytest.mark.parametrize("wrong", ["a dog", [1], [None], iter(["a"]), {"a": 1}, [float("nan")], ["\ud83d"]])
def test_first_texts_are_texts(wrong: Any, fitted: Generator) -> None:
    with pytest.raises(DataError, match="first_texts"):
        fitted.generate(1, first_texts=wrong)


@pytest.mark.parametrize("wrong", [0, -1, True, 2.0, "3", None, 10**12, float("nan")])
def test_how_many_are_wanted_is_a_whole_number(wrong: Any, fitted: Generator) -> None:
    for call in (fitted.generate, fitted.preview):
        with pytest.raises(ConfigError, match="per_label: expected a whole number"):
            call(wrong, first_texts=["a dog"])
    assert len(fitted.preview(np.int64(1), first_texts=["a dog"])) == 2


def test_an_unfitted_generator_says_so() -> None:
    for call in (lambda: make().generate(1), lambda: make().preview(), lambda: make().log_likelihood(PAIRS)):
        with pytest.raises(NotFittedError):
            call()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task": "mnli"}, "dawgen.Task.load"),
        ({"decode": {"top_k": 3}}, "decode: expected a DecodeConfig"),
        ({"model": None}, "generator.model"),
        ({"seed": True}, "seed: expected a whole number"),
        ({"steps": True}, "generator.steps"),
        ({"device": "cuda:77", "model": "mini-ctrl"}, "device: expected a device of this machine"),
    ],
)
def test_parameters_of_another_type_are_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make(**changes).fit(make_pairs(8))


@pytest.mark.parametrize("twins", [("a_b", "a b"), ("A_b", "a b"), ("card_arrival", "card arrival"), ("_x", " x")])
def test_labels_that_are_written_alike_get_prompts_of_their_own(twins: tuple[str, str]) -> None:
    task = Task.from_examples([Example("text", None, label) for label in twins])
    prompts = [" ".join(task.generator.prompts[label].split()) for label in twins]
    assert prompts[0] != prompts[1]


def test_a_task_whose_labels_share_a_prompt_is_refused_for_writing() -> None:
    task = make_task()
    shared = task.generator.model_copy(update={"prompts": dict.fromkeys(task.labels, "A pair:")})
    with pytest.raises(ConfigError, match="'same' and 'different' share 'A pair:'"):
        choose_task(make_pairs(4), task.model_copy(update={"generator": shared}), None)


def test_prompts_of_ordinary_labels_are_as_before() -> None:
    task = Task.from_examples([Example("t", None, label) for label in ("card_arrival", "lost card")])
    assert task.generator.prompts["card_arrival"] == "Kind of text: card arrival. Text:"
