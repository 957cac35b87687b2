"""Rows of a set that repeat rows of test, dev, or the real rows themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dawgen.config import CurateConfig
from dawgen.curation.dedupe import NearIndex
from dawgen.data import leak_key
from dawgen.evaluate.audit.duplicates import show_row
from dawgen.records import Example, generated_text
from dawgen.sameness import normalise


def describe_leaks(
    rows: Sequence[Example], real: Sequence[Example], held: Mapping[str, Sequence[Example]]
) -> dict[str, Any]:
    """Return for test, dev (None where not given) and real what the set repeats of them.

    real has `echoes` and `real_echoes` too: see `describe_echoes`.
    """
    found: dict[str, Any] = {
        name: count_leaks(rows, held[name]) if held.get(name) else None for name in ("test", "dev")
    }
    return found | {"real": count_leaks(rows, real) | describe_echoes(rows, real)}


def count_leaks(rows: Sequence[Example], held: Sequence[Example]) -> dict[str, Any]:
    """Return how many rows of the set repeat held-out ones, as whole pairs and in single sentences.

    pairs: rows whose texts are those of a held-out row, in either order, whatever the label.
    sentences: rows that have a text of a held-out row, pairs among them.
    held_pairs, held_sentences: how many of the `held` rows are repeated so. example: the first pair, or None.
    """
    ours, theirs = {leak_key(row) for row in rows}, {leak_key(row) for row in held}
    our_texts, their_texts = ({text for row in side for text in list_texts(row)} for side in (rows, held))
    pairs = [row for row in rows if leak_key(row) in theirs]
    return {
        "pairs": len(pairs),
        "sentences": sum(not their_texts.isdisjoint(list_texts(row)) for row in rows),
        "held_pairs": sum(leak_key(row) in ours for row in held),
        "held_sentences": sum(not our_texts.isdisjoint(list_texts(row)) for row in held),
        "held": len(held),
        "example": show_row(pairs[0]) if pairs else None,
    }


def describe_echoes(rows: Sequence[Example], real: Sequence[Example]) -> dict[str, Any]:
    """Return `echoes`, rows whose generated text nearly repeats a real row's, and `real_echoes`.

    real_echoes: real rows that so repeat an earlier real row, since in a small world different rows share their texts.
    """
    index = NearIndex(CurateConfig().echo)
    among = 0
    for row in real:
        among += index.find((generated_text(row),)) is not None
        index.add((generated_text(row),), "")
    return {"echoes": sum(index.find((generated_text(row),)) is not None for row in rows), "real_echoes": among}


def list_texts(example: Example) -> list[str]:
    """Return the row's normalised texts; one without a word is no text to share."""
    return [key for text in (example.text1, example.text2) if (key := normalise(text or ""))]
