"""The guide that annotators read before they begin: instructions, and for every label a real row that is not rated.

It is guide.json in the session's folder, {"instructions": text or null, "examples": [rows]}, written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dawgen.data import as_row
from dawgen.errors import DataError
from dawgen.evaluate.annotate.sample import Item
from dawgen.files import write_json
from dawgen.records import Example
from dawgen.sameness import normalise

GUIDE_FILE = "guide.json"


def write_guide(
    folder: Path, items: Iterable[Item], real: Sequence[Example], labels: Sequence[str], instructions: str | None
) -> None:
    """Write the guide of a session that has none."""
    if not (folder / GUIDE_FILE).is_file():
        examples = [dict(as_row(row)) for row in pick_examples(items, real, labels)]
        write_json(folder / GUIDE_FILE, {"instructions": instructions, "examples": examples})


def read_guide(folder: Path) -> dict[str, Any]:
    """Return instructions and examples; neither where a session has no guide. Raises DataError for a damaged file."""
    path = folder / GUIDE_FILE
    if not path.is_file():
        return {"instructions": None, "examples": []}
    try:
        guide = json.loads(path.read_bytes())
        rows = [{name: row.get(name) for name in ("text1", "text2", "label")} for row in guide["examples"]]
        return {"instructions": guide["instructions"], "examples": rows}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: expected instructions and examples in JSON; it is damaged. Delete it.") from error


def pick_examples(items: Iterable[Item], real: Sequence[Example], labels: Sequence[str]) -> list[Example]:
    """Return for each label the first real row whose texts the sample does not show, where there is one."""
    shown = {normalise(text) for item in items for text in _list_texts(item)}
    free = [row for row in real if shown.isdisjoint(normalise(text) for text in (row.text1, row.text2) if text)]
    firsts = (next((row for row in free if row.label == label), None) for label in labels)
    return [row for row in firsts if row is not None]


def _list_texts(item: Item) -> list[str]:
    """Return the item's texts and those of its most similar real row, which is shown beside it."""
    texts = [item.text1, item.text2]
    if item.nearest is not None:
        texts += [item.nearest.text1, item.nearest.text2]
    return [text for text in texts if text]
