"""Controls for the synthetic rows' gradients: rows whose conflict with the real gradient is known by design.

A second real batch shows the conflict of noise alone, shuffled labels that of wrong labels, random text that of no
meaning. None of them is trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

from dawgen.classifier.curriculum import order_pass
from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.runs.inputs import Inputs

MOST = 2000  # rows, at most, among which second batches are drawn


def find_second_source(inputs: Inputs, batch_size: int) -> tuple[list[Example], str]:
    """Return real rows that the prompt is not trained on, and what they are; none where there are only the shots."""
    if len(inputs.gold) >= batch_size:
        return inputs.gold[:MOST], "labelled rows beside the few shots"
    if inputs.dev:
        return inputs.dev[:MOST], "dev rows"
    return [], "the shots that are not in the step's batch"


def draw_second(labels: Sequence[int], taken: Sequence[int], size: int, *, seed: int, step: int) -> list[int]:
    """Return at most `size` row numbers that are not in `taken`, spread evenly over labels like real batches."""
    free = sorted(set(range(len(labels))) - set(taken))
    order = order_pass([labels[row] for row in free], seed, "second real", step)
    return [free[place] for place in order[:size]]


def shuffle_labels(labels: Sequence[int], *, seed: int, step: int) -> list[int]:
    """Return the labels of a batch in random order; with K labels of equal number, one row in K keeps its own."""
    return python_rng(seed, "shuffled labels", step).sample(list(labels), len(labels))


def list_words(examples: Sequence[Example]) -> list[str]:
    """Return every word of the examples' texts as often as it occurs."""
    return [word for row in examples for text in (row.text1, row.text2 or "") for word in text.split()]


def write_random(
    like: Sequence[Example], words: Sequence[str], labels: Sequence[str], *, seed: int, step: int
) -> list[Example]:
    """Return an example for each of `like`: as many words, drawn from `words`, under a random label."""
    rng = python_rng(seed, "random text", step)

    def scramble(text: str) -> str:
        return " ".join(rng.choices(words, k=max(1, len(text.split()))))

    return [
        Example(scramble(row.text1), None if row.text2 is None else scramble(row.text2), rng.choice(labels))
        for row in like
    ]
