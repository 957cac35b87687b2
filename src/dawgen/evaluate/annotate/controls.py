"""Control rows: real rows made wrong in one known way, to detect careless rating.

wrong_label  the same texts under another label    label should be no
shuffled     the words of every text shuffled      fluency should be 1 or 2
copy         a real row, unchanged                 novelty should be 1 or 2
mismatch     the second text of another row        relevance should be 1 or 2 (pairs only)
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from dawgen.evaluate.annotate.questions import NO, Value
from dawgen.records import Example
from dawgen.sameness import normalise

FAULTS = {"wrong_label": "label", "shuffled": "fluency", "copy": "novelty", "mismatch": "relevance"}
FEWEST_WORDS = 4  # of a text to shuffle: two swapped words may still be readable
TRIES = 50  # rows that are looked at for a second text that does not belong


def list_faults(pair: bool) -> list[str]:
    """Return the faults that rows of a task can have."""
    return [fault for fault in FAULTS if pair or fault != "mismatch"]


def is_caught(fault: str, value: Value) -> bool:
    """Return whether the answer to the fault's question notices the fault."""
    return value == NO if isinstance(value, str) else value <= 2


def spoil(
    fault: str, row: Example, others: Sequence[Example], labels: Sequence[str], rng: random.Random
) -> tuple[Example, list[Example]] | None:
    """Return the row with the fault, and the real rows that it must not be compared with as it was made of them.

    None where the row cannot have the fault: too few words, or no other row.
    """
    if fault == "wrong_label":
        return replace(row, label=rng.choice([label for label in labels if label != row.label])), [row]
    if fault == "shuffled":
        texts = [_shuffle_words(text, rng) for text in (row.text1, row.text2) if text is not None]
        first, second = (*texts, None)[:2]
        return None if None in texts else (replace(row, text1=first or "", text2=second), [row])
    if fault == "mismatch":
        tried = rng.sample(others, min(TRIES, len(others)))
        stranger = next((other for other in tried if _share_nothing(row, other)), None)
        return None if stranger is None else (replace(row, text2=stranger.text2), [row, stranger])
    return row, []


def _shuffle_words(text: str, rng: random.Random) -> str | None:
    """Return the words in a random order that differs from the given one; None for fewer than four different words."""
    words = text.split()
    if len({normalise(word) for word in words} - {""}) < FEWEST_WORDS:
        return None
    shuffled = list(words)
    while normalise(" ".join(shuffled)) == normalise(text):
        rng.shuffle(shuffled)
    return " ".join(shuffled)


def _share_nothing(row: Example, other: Example) -> bool:
    mine, theirs = ({normalise(text or "") for text in (side.text1, side.text2)} for side in (row, other))
    return mine.isdisjoint(theirs)
