"""Label log-probabilities of examples under a prompt: render and score; shared by the classifier and the methods."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dawgen.classifier.score import score_rows
from dawgen.errors import DataError
from dawgen.models.load import Backbone
from dawgen.prompt.template import limit_tokens, render
from dawgen.records import Example

Item = Example | tuple[str, str] | str


def predict_log_probs(
    backbone: Backbone,
    examples: Sequence[Example],
    prompt: Tensor,
    *,
    template: str,
    word_ids: Sequence[int],
    max_tokens: int,
    decoder_sentinel: bool = False,
) -> NDArray[np.float32]:
    """Return log-probabilities [N,K] over the label words; prompt: [P,H], P may be 0."""
    limit = limit_tokens(backbone, max_tokens, len(prompt))
    rows = render(examples, template=template, backbone=backbone, max_tokens=limit).ids
    scores = score_rows(backbone, rows, word_ids, prompt, decoder_sentinel=decoder_sentinel)
    return np.asarray(scores.numpy(), dtype=np.float32)


def as_examples(items: Iterable[Item]) -> list[Example]:
    """Return examples from examples, pairs of texts or texts.

    Raises:
        DataError: an item is none of these, or the items are one string.
    """
    if isinstance(items, str):
        raise DataError("expected a list of texts, pairs or examples, got one text. Put it in a list.")
    examples: list[Example] = []
    for place, item in enumerate(items):
        if isinstance(item, Example):
            examples.append(item)
        elif isinstance(item, str):
            examples.append(Example(item))
        elif isinstance(item, (tuple, list)) and len(item) == 2 and all(isinstance(text, str) for text in item):
            examples.append(Example(*item))
        else:
            raise DataError(f"item {place}: expected an Example, a pair of texts or a text, got {item!r:.80}.")
    return examples


def number_labels(examples: Sequence[Example], labels: Sequence[str], what: str) -> tuple[int, ...]:
    """Return the label number of each example.

    Raises:
        DataError: an example without a label, or with one that is not the task's.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    for place, example in enumerate(examples):
        if example.label not in numbers:
            raise DataError(
                f"{what}, example {place}: expected one of the labels {', '.join(labels)}, got {example.label!r}."
            )
    return tuple(numbers[str(example.label)] for example in examples)
