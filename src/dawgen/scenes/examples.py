"""Labelled examples of the five scenes tasks, drawn from the pairs that pre-training never sees.

One pair in eight, by a hash of its texts, is reserved for measuring; `is_reserved` tells which.
"""

import hashlib
import random
from dataclasses import dataclass, replace

from dawgen.records import Example, pair_key
from dawgen.rng import python_rng
from dawgen.sameness import split_words
from dawgen.scenes.grammar import Caption, sample_caption, write_caption
from dawgen.scenes.lexicon import LEXICON
from dawgen.scenes.oracle import label_pair
from dawgen.scenes.questions import Asked, Question, write_question
from dawgen.scenes.relations import STEPS, Relation, alter_caption, sample_pair

_TOPICS = ("music", "sport", "food", "reading", "rest")

LABELS: dict[str, tuple[str, ...]] = {
    "scenes-nli": ("entailment", "neutral", "contradiction"),
    "scenes-paraphrase": ("equivalent", "not_equivalent"),
    "scenes-question": ("answers", "does_not_answer"),
    "scenes-topic": _TOPICS,
    "scenes-place": tuple(f"{topic}_{place}" for topic in _TOPICS for place in LEXICON.places),  # many labels: 40
}
_ASKED: tuple[Asked, ...] = ("agent", "place", "doing")


@dataclass(frozen=True, slots=True)
class SceneData:
    """Disjoint splits of one scenes task; `gold` is the large labelled set, `first_texts` has no labels."""

    train: list[Example]
    dev: list[Example]
    test: list[Example]
    gold: list[Example]
    first_texts: list[str]


def is_reserved(example: Example) -> bool:
    """Return whether the pair is reserved for measuring: it must not enter pre-training."""
    # words alone, whatever else makes texts the same or not: the minis were trained on what this left over
    texts = (" ".join(split_words(text)) for text in (example.text1, example.text2 or ""))
    return hashlib.sha256("\t".join(texts).encode()).digest()[0] % 8 == 0


def draw_data(
    task: str, seed: int, *, shots: int = 16, test: int = 600, gold_per_label: int = 0, first_texts: int = 0
) -> SceneData:
    """Draw disjoint, label-balanced splits: `shots` per label for train and dev, about `test` rows in all for test.

    No pair is in two splits, in either order. The test rows do not depend on the seed, so that seeds differ in their
    training data only.
    """
    labels = LABELS[task]
    seen: set[tuple[str, str]] = set()
    test_rng = python_rng(0, f"{task}/test")
    test_rows = draw_examples(task, -(-test // len(labels)), test_rng, seen)[:test]
    rng = python_rng(seed, f"{task}/shots")
    train, dev = draw_examples(task, shots, rng, seen), draw_examples(task, shots, rng, seen)
    gold = draw_examples(task, gold_per_label, python_rng(seed, f"{task}/gold"), seen)
    held = {turn_key(row) for row in test_rows}
    turned_rng = python_rng(seed, f"{task}/turned")  # separate, so that drawing a row again changes no other row
    for rows in (train, dev, gold):
        replace_turned(task, rows, held, turned_rng, seen)
    texts_rng = python_rng(seed, f"{task}/first_texts")
    return SceneData(train, dev, test_rows, gold, [draw_first_text(task, texts_rng) for _ in range(first_texts)])


def draw_examples(task: str, per_label: int, rng: random.Random, seen: set[tuple[str, str]]) -> list[Example]:
    """Draw reserved examples, labels in turn, that are not in `seen`, and add them to it."""
    return [draw_reserved(task, label, rng, seen) for _ in range(per_label) for label in LABELS[task]]


def draw_reserved(task: str, label: str, rng: random.Random, seen: set[tuple[str, str]]) -> Example:
    """Draw a reserved example whose texts are not in `seen`, and add it there."""
    example = draw_example(task, label, rng)
    while not is_reserved(example) or pair_key(example) in seen:
        example = draw_example(task, label, rng)
    seen.add(pair_key(example))
    return example


def replace_turned(
    task: str, rows: list[Example], held: set[tuple[str, str]], rng: random.Random, seen: set[tuple[str, str]]
) -> None:
    """Draw again the rows that are in an earlier split with their texts swapped, and add the rows to `held`.

    held: `turn_key` of all earlier splits' rows.
    """
    for place, row in enumerate(rows):
        while pair_key(rows[place]) in held:
            rows[place] = draw_reserved(task, str(row.label), rng, seen)
    held |= {turn_key(row) for row in rows}


def turn_key(example: Example) -> tuple[str, str]:
    """Return the `pair_key` of the pair with its texts swapped."""
    first, second = pair_key(example)
    return second, first


def draw_example(task: str, label: str, rng: random.Random) -> Example:
    """Draw one example with the label; it counts only if the oracle agrees."""
    while True:
        if task == "scenes-place":
            # the place is set, as of 40 labels a free caption would seldom have the wanted one
            example = Example(write_caption(replace(sample_caption(rng), place=label.rpartition("_")[2]), rng))
        elif task == "scenes-topic":
            example = Example(write_caption(sample_caption(rng), rng))
        elif task == "scenes-question":
            example = _draw_question(label, rng)
        else:
            first, second = sample_pair(_draw_relation(task, label, rng), rng)
            example = Example(write_caption(first, rng), write_caption(second, rng))
        if label_pair(task, example) == label and example.text1 != example.text2:
            return replace(example, label=label)


def draw_first_text(task: str, rng: random.Random) -> str:
    """Draw an unlabelled first text in the way in which the task's examples get theirs."""
    if task == "scenes-question":
        return write_question(_draw_asked(sample_caption(rng), rng), rng)
    return write_caption(sample_caption(rng), rng)


def _draw_relation(task: str, label: str, rng: random.Random) -> Relation:
    if task == "scenes-paraphrase":
        return "equivalent" if label == "equivalent" else rng.choice(("entailment", "neutral", "contradiction"))
    if label == "entailment":
        return "equivalent" if rng.random() < 0.1 else "entailment"
    return "neutral" if label == "neutral" else "contradiction"


def _draw_question(label: str, rng: random.Random) -> Example:
    caption = replace(sample_caption(rng), negated=False)
    relation: Relation = "entailment" if label == "answers" else rng.choice(("neutral", "contradiction"))
    # A sentence that answers says at least as much as the question grants: narrow, as for neutral captions.
    steps = ("narrow", "keep") if relation == "entailment" else (*STEPS[relation], "negate")
    second = alter_caption(caption, steps, rng) if rng.random() < 0.9 else sample_caption(rng)
    return Example(write_question(_draw_asked(caption, rng), rng), write_caption(second, rng))


def _draw_asked(caption: Caption, rng: random.Random) -> Question:
    caption = replace(caption, negated=False)
    asked = rng.choice(_ASKED)
    if asked == "agent":
        # A question who does it says nothing of the agent.
        caption = replace(caption, agent="person", trait=None)
    elif asked == "place":
        caption = replace(caption, place=None)
    return Question(asked, caption)
