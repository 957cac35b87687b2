"""Sets of pairs of words drawn at random, in which nothing gives a label away until a test plants it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from dawgen.records import Example
from dawgen.rng import python_rng

WORDS = [f"{first}{last}" for first in ("ba", "de", "fi", "go", "lu", "ma") for last in ("k", "l", "n", "r", "s", "t")]
LABELS = ("yes", "no")


def make_set(rows: int, seed: int = 0, labels: Sequence[str] = LABELS) -> list[Example]:
    """Return pairs of 8 and 6 random words, half of text2's from text1, labels in turn."""
    rng = python_rng(seed, "test set")
    made = []
    for row in range(rows):
        first = [rng.choice(WORDS) for _ in range(8)]
        second = [*rng.sample(first, 3), *(rng.choice(WORDS) for _ in range(3))]
        rng.shuffle(second)
        made.append(Example(" ".join(first), " ".join(second), labels[row % len(labels)]))
    return made


def plant(rows: Sequence[Example], label: str, change: Callable[[Example], str], every: int = 1) -> list[Example]:
    """Return the rows with text2 changed in every so-manieth row of the label."""
    seen = 0
    planted = []
    for row in rows:
        hit = row.label == label and (seen := seen + 1) % every == 0
        planted.append(replace(row, text2=change(row)) if hit else row)
    return planted
