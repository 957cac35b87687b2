"""What users hand over: examples, pairs of texts or texts."""

from collections.abc import Iterable

from dawgen.errors import DataError
from dawgen.records import Example

Item = Example | tuple[str, str] | str


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
