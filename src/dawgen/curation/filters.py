"""Filters on one row by itself: emptiness, verbatim copies, and the overlap of text2 with text1.

overlap(x1, x2) = |{words of x2 that occur in x1}| / |words of x2|, counted with repetition.
limit_l = max(0.8, max_overlap_l * (1 + 1/n_l)) over the n_l real rows of label l. The factor is the usual estimate of
the maximum of a range from n draws: sixteen rows do not show the largest overlap that the label can have.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from dawgen.records import Example
from dawgen.sameness import normalise, says_nothing, split_words

LEAST_LIMIT = 0.8  # a text2 with a fifth of its words new is no near copy, whatever the real rows show


def is_empty(example: Example) -> bool:
    """Return whether one of the row's texts says nothing at all (punctuation does not, an emoji does)."""
    return says_nothing(example.text1) or (example.text2 is not None and says_nothing(example.text2))


def is_copy(example: Example) -> bool:
    """Return whether text2 repeats text1, the same to a reader; a single text never does."""
    return example.text2 is not None and normalise(example.text1) == normalise(example.text2)


def measure_overlap(example: Example) -> float | None:
    """Return the share of text2's words that text1 has too, in [0, 1]; None for a single text or an empty text2."""
    words = split_words(example.text2 or "")
    if not words:
        return None
    known = set(split_words(example.text1))
    return sum(word in known for word in words) / len(words)


def find_overlap_limits(real: Iterable[Example]) -> dict[str, float]:
    """Return for each label the overlap above which a row counts as a near copy.

    A label whose real rows overlap by nature (SICK's entailments) gets a limit of 1 or more and loses nothing; a
    label without a real pair has no limit.
    """
    overlaps: dict[str, list[float]] = defaultdict(list)
    for example in real:
        overlap = measure_overlap(example)
        if example.label is not None and overlap is not None:
            overlaps[example.label].append(overlap)
    return {label: max(LEAST_LIMIT, max(values) * (1 + 1 / len(values))) for label, values in overlaps.items()}


def copy_stats(examples: Iterable[Example]) -> dict[str, float]:
    """Return for each label the share of its rows whose text2 is a verbatim copy of text1.

    copy_stats([Example("a cat", "A cat.", "yes"), Example("a cat", "a dog", "yes")])  # {"yes": 0.5}
    """
    rows, copies = Counter[str](), Counter[str]()
    for example in examples:
        if example.label is not None:
            rows[example.label] += 1
            copies[example.label] += is_copy(example)
    return {label: copies[label] / count for label, count in rows.items()}
