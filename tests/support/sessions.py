"""Rating sessions to test on: real rows, sets that differ from them in known ways, and annotators with known habits."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from dawgen.evaluate.annotate.questions import Value
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.sample import Item
from dawgen.evaluate.annotate.session import Session
from dawgen.records import Example
from dawgen.tasks import Task

PLACES = ("garden", "kitchen", "library", "harbour", "museum", "forest", "station", "valley")
DEEDS = ("sings a song", "reads a book", "plays some chess", "paints a wall", "cooks a meal", "mends a shoe")
LABELS = ("entailment", "not_entailment")
Habit = Callable[[Item], Mapping[str, Value]]


def make_task(*, pair: bool = True) -> Task:
    """Return a task of two labels."""
    row = Example("a", "b" if pair else None, LABELS[0])
    other = Example("c", "d" if pair else None, LABELS[1])
    return Task.from_examples([row, other], name="toy")


def make_rows(count: int, *, pair: bool = True, who: str = "person", seed: int = 0) -> list[Example]:
    """Return different rows, the labels in turn."""
    rng, found = random.Random(seed), dict[str, Example]()
    while len(found) < count:
        place, deed, number = rng.choice(PLACES), rng.choice(DEEDS), rng.randrange(1000)
        text = f"{who} number {number} {deed} in the old {place}"
        label = LABELS[len(found) % 2]
        second = (
            f"somebody {deed} with {who} {number}" if label == LABELS[0] else f"nobody went to the {place} {number}"
        )
        found.setdefault(text, Example(text, second if pair else None, label))
    return list(found.values())


def make_session(folder: Path, *, rows: int = 10, controls: int = 8, seed: int = 1, sets: int = 2) -> Session:
    """Return a new session on pairs with sets "set0", "set1", ..."""
    synthetic = {f"set{number}": make_rows(30, who="robot", seed=10 + number) for number in range(sets)}
    return Session.create(folder, synthetic, make_rows(60), make_task(), rows=rows, controls=controls, seed=seed)


def rate(session: Session, annotator: str, habit: Habit) -> None:
    """Answer every item as the habit says."""
    for number, item in enumerate(session.list_items(annotator)):
        session.ratings.append(Answer(f"{annotator}-{number}", annotator, item.id, habit(item), seconds=2.0))


def judge_well(item: Item) -> Mapping[str, Value]:
    """Rate as somebody who sees every fault."""
    return {
        "relevance": 1 if item.fault == "mismatch" else 5,
        "fluency": 1 if item.fault == "shuffled" else 5,
        "label": "no" if item.fault == "wrong_label" else "yes",
        "novelty": 1 if item.fault == "copy" else 4,
    }


def nod(item: Item) -> Mapping[str, Value]:
    """Rate as somebody who does not look."""
    return {"relevance": 5, "fluency": 5, "label": "yes", "novelty": 5}
