"""Rows that add nothing: text2 that repeats text1, and rows that repeat an earlier row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dawgen.config import CurateConfig
from dawgen.curation.dedupe import NearIndex, find_shingles, measure_jaccard
from dawgen.curation.filters import copy_stats, is_copy
from dawgen.records import Example, pair_key

NEAR_COPY = 0.7  # Jaccard of word 3-grams: about one word of twenty exchanged


def describe_copies(rows: Sequence[Example], real: Sequence[Example], labels: Sequence[str]) -> dict[str, Any]:
    """Return copy_share, copy_share_by_label and near_copies, with the real rows' shares by label beside them.

    A label without a row has None.
    """
    shares, theirs = copy_stats(rows), copy_stats(real)
    near, near_real = share_near_copies(rows), share_near_copies(real)
    found = [row for row in rows if is_near_copy(row)]
    return {
        "copy_share": sum(map(is_copy, rows)) / len(rows) if rows else 0.0,
        "copy_share_by_label": {label: shares.get(label) for label in labels},
        "copy_share_real": {label: theirs.get(label) for label in labels},
        "near_copies": {
            "rows": len(found),
            "share": len(found) / len(rows) if rows else 0.0,
            "by_label": {label: near.get(label) for label in labels},
            "real": {label: near_real.get(label) for label in labels},
            "example": show_row(found[0]) if found else None,
        },
    }


def is_near_copy(example: Example) -> bool:
    """Return whether text2 nearly repeats text1: 3-grams of words alike by NEAR_COPY or more, but not verbatim."""
    if example.text2 is None or is_copy(example):
        return False
    return measure_jaccard(find_shingles(example.text1), find_shingles(example.text2)) >= NEAR_COPY


def share_near_copies(rows: Sequence[Example]) -> dict[str, float]:
    """Return for each label the share of its rows that are near copies."""
    counts: dict[str, list[bool]] = {}
    for row in rows:
        if row.label is not None:
            counts.setdefault(row.label, []).append(is_near_copy(row))
    return {label: sum(found) / len(found) for label, found in counts.items()}


def describe_duplicates(rows: Sequence[Example]) -> dict[str, Any]:
    """Return exact, near and conflicts, each with rows, share and the first example with the row that it repeats.

    exact: the texts, normalised, stand in an earlier row under any label; conflicts: those whose label differs from
    that row's. near: not exact, but both texts are similar to an earlier row's of the same label, by curation's
    default threshold (`NearIndex`). Every row counts that is not exact, dropped or not, so a chain counts in full.
    """
    seen: dict[tuple[str, str], Example] = {}
    index = NearIndex(CurateConfig().near_duplicate)
    exact: list[tuple[Example, str]] = []
    near: list[tuple[Example, str]] = []
    conflicts: list[tuple[Example, str]] = []
    for row in rows:
        key, label = pair_key(row), str(row.label)
        twin = seen.setdefault(key, row)
        if twin is not row:
            exact.append((row, show_row(twin)))
            if twin.label != row.label:
                conflicts.append((row, show_row(twin)))
            continue
        texts = (row.text1,) if row.text2 is None else (row.text1, row.text2)
        if match := index.find(texts, label=label):
            near.append((row, match[1]))
        index.add(texts, show_row(row), label=label)
    groups = {"exact": exact, "near": near, "conflicts": conflicts}
    return {name: _summarise(found, len(rows)) for name, found in groups.items()}


def show_row(example: Example) -> str:
    """Return the row as `label: text1 | text2`."""
    return f"{example.label}: {example.text1}" + ("" if example.text2 is None else f" | {example.text2}")


def _summarise(found: Sequence[tuple[Example, str]], rows: int) -> dict[str, Any]:
    example = {"row": show_row(found[0][0]), "repeats": found[0][1]} if found else None
    return {"rows": len(found), "share": len(found) / rows if rows else 0.0, "example": example}
