"""The records that all stages share: labelled examples and generated candidates.

Shape letters used in every docstring: B rows of a batch, P prompt or prefix length, T tokens of a text,
H hidden width, L layers, V vocabulary, K labels.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dawgen.errors import DataError
from dawgen.sameness import normalise


@dataclass(frozen=True, slots=True)
class Example:
    """One text or pair of texts with its label.

    Args:
        text1: the text, or the first of a pair.
        text2: the second of a pair, None for a single text.
        label: None where nobody knows it.

    Raises:
        DataError: a part that is no text.

    >>> import dawgen
    >>> dawgen.Example("a man is asleep", "a man is awake", "contradiction").label
    'contradiction'
    """

    text1: str
    text2: str | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text1, str):
            raise DataError(f"Example, text1: expected a text, got {self.text1!r:.60} ({type(self.text1).__name__}).")
        if self.text2 is not None and not isinstance(self.text2, str):
            raise DataError(f"Example, text2: expected a text, got {self.text2!r:.60} ({type(self.text2).__name__}).")
        if self.label is not None and not isinstance(self.label, str):
            raise DataError(
                f"Example, label: expected a text, got {self.label!r:.60} ({type(self.label).__name__}).\n"
                "Labels of other kinds are given apart, as y: fit(texts, y)."
            )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A generated example before curation.

    finished: whether the generator wrote the end token (False: the text was cut at the token limit).
    tokens: number of generated tokens, end included.
    logp: log p(generated text | context, Q_l) in nats for each label l, in the task's order, None for labels that the
        text was not held against; None where nothing is known.
    """

    example: Example
    finished: bool = True
    tokens: int = 0
    logp: tuple[float | None, ...] | None = None


def list_texts(examples: Iterable[Example]) -> list[str]:
    """Return every text of the examples in order."""
    return [text for one in examples for text in (one.text1, one.text2) if text is not None]


def generated_text(example: Example) -> str:
    """Return the text that a generator writes: text2 of a pair, else the text."""
    return example.text1 if example.text2 is None else example.text2


def pair_key(example: Example) -> tuple[str, str]:
    """Return a key of the example's texts that does not depend on the label; a pair keeps its order."""
    return normalise(example.text1), normalise(example.text2 or "")
