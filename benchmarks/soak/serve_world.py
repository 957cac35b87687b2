"""What the load on `dawgen serve` is made of: bundles of one base model, texts, and the right answer to each of them.

A right answer is that of the bundle's own classifier to one text at a time, computed before the service is started.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.classifier.estimator import PromptClassifier
from dawgen.models.load import load_target
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.scenes import draw_data
from dawgen.tasks import Task

STEPS = 8  # of training: enough that no two prompts answer alike
SHOTS = 8
TEXTS = 60  # of each kind, of one to four sentences, and one that is too long
Recipes = Mapping[str, tuple[str, int]]
FIXED: Recipes = {  # name: task and length of the prompt
    "topic-5": ("scenes-topic", 5),
    "nli-20": ("scenes-nli", 20),
    "paraphrase-12": ("scenes-paraphrase", 12),
    "question-40": ("scenes-question", 40),
}
GUESTS: Mapping[str, Recipes] = {  # name: the two bundles that come and go under it, on pairs both
    "guest-a": {"nli-8": ("scenes-nli", 8), "paraphrase-30": ("scenes-paraphrase", 30)},
    "guest-b": {"question-16": ("scenes-question", 16), "nli-100": ("scenes-nli", 100)},
}

Item = str | dict[str, str | None]  # a text or a pair, as the service takes it


@dataclass(frozen=True)
class Answer:
    """What a bundle says of one text: the probability of each label, and whether the text lost its end."""

    probabilities: Mapping[str, float]
    cut: bool


@dataclass(frozen=True)
class Known:
    """A bundle with its texts and the answers to them, in the same order."""

    folder: Path
    items: Sequence[Item]
    answers: Sequence[Answer]


@dataclass(frozen=True)
class World:
    """Bundles that stay, and those that come and go under each guest's name."""

    fixed: Mapping[str, Known]
    guests: Mapping[str, Sequence[Known]]

    @property
    def texts(self) -> list[str]:
        """Every text that is sent."""
        known = [*self.fixed.values(), *(known for pair in self.guests.values() for known in pair)]
        items = [item for one in known for item in one.items]
        return sorted({text for item in items for text in ([item] if isinstance(item, str) else item.values()) if text})


def make_world(folder: Path, model: str, *, seed: int = 0, guests: Mapping[str, Recipes] = GUESTS) -> World:
    """Train a few steps for each prompt, save the bundles below `folder`, and answer every text by itself.

    model: the base, a name or a folder.
    """
    backbone = load_target(model)
    texts = {pair: draw_texts(pair, seed) for pair in (True, False)}

    def make(kind: str, name: str, task: str, length: int) -> Known:
        classifier = PromptClassifier(
            backbone, Task.load(task), prompt_length=length, steps=STEPS, init="random", seed=seed
        ).fit(draw_data(task, seed, shots=SHOTS, test=0).train)
        classifier.save(folder / kind / name)
        rows = texts[classifier.task_.pair]
        answers = [answer_alone(classifier, row) for row in rows]
        return Known(folder / kind / name, [as_item(row) for row in rows], answers)

    fixed = {name: make("fixed", name, *recipe) for name, recipe in FIXED.items()}
    coming = {
        name: [make("guests", bundle, *recipe) for bundle, recipe in bundles.items()]
        for name, bundles in guests.items()
    }
    return World(fixed, coming)


def draw_texts(pair: bool, seed: int) -> list[Example]:
    """Return pairs or single texts of one to four sentences; the last one is far too long."""
    rng = python_rng(seed, "soak texts", int(pair))
    sentences = [text for row in draw_data("scenes-nli", seed, test=200).test for text in (row.text1, str(row.text2))]

    def draw(most: int) -> str:
        return ". ".join(rng.sample(sentences, rng.randint(1, most)))

    rows = [Example(draw(4), draw(2) if pair else None) for _ in range(TEXTS - 1)]
    return [*rows, Example(". ".join(rng.sample(sentences, 90)), draw(1) if pair else None)]


def answer_alone(classifier: PromptClassifier, row: Example) -> Answer:
    """Return the classifier's answer to one text by itself."""
    (values,) = classifier.predict_log_proba([row]).tolist()
    labels = [str(label) for label in classifier.classes_]
    return Answer(dict(zip(labels, map(math.exp, values), strict=True)), classifier.count_cut([row]) > 0)


def as_item(row: Example) -> Item:
    """Return a row as the service takes it."""
    return row.text1 if row.text2 is None else {"text1": row.text1, "text2": row.text2}


def find_difference(result: Mapping[str, Any], answer: Answer) -> float:
    """Return the largest difference of a probability; infinity for other labels, another `cut` or a label not the top.

    result: one of the service's `results`.
    """
    found = result["probabilities"]
    wrong = set(found) != set(answer.probabilities) or result["cut"] != answer.cut
    if wrong or result["label"] != max(found, key=found.__getitem__):
        return math.inf
    differences = [abs(found[label] - value) for label, value in answer.probabilities.items()]
    return math.inf if any(map(math.isnan, differences)) else max(differences)
