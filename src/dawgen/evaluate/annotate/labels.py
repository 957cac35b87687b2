"""What came of a session in which rows were labelled: one label for each row, and a training file with them.

A row gets the label that more than half of its answers name; "none of these" is an answer too. All other rows are left
out and counted.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dawgen.columns import Columns
from dawgen.errors import ConfigError
from dawgen.evaluate.annotate.sample import Item
from dawgen.evaluate.annotate.session import LABELS, Session
from dawgen.evaluate.annotate.uncertain import read_guesses, read_training
from dawgen.files import write_with
from dawgen.outputs import claim
from dawgen.records import Example
from dawgen.rng import numpy_rng
from dawgen.stats.agreement import bootstrap_alpha, measure_alpha

ENDINGS = (".jsonl", ".csv", ".tsv")
VERB = "annotate --training"


@dataclass(frozen=True, slots=True)
class Voted:
    """An item with its answers. votes: by label, None for "none of these". label: what they agree on, or None."""

    item: Item
    votes: Counter[str | None]
    label: str | None


def count_votes(session: Session, *, unanimous: bool = False) -> list[Voted]:
    """Return every item with its answers. unanimous: agreed is only what all of them say."""
    votes: dict[str, Counter[str | None]] = {item.id: Counter() for item in session.items}
    for answer in session.ratings.read().values():
        label = answer.ratings.get("label")
        votes[answer.item][None if label is None else str(label)] += 1
    return [Voted(item, votes[item.id], agree(votes[item.id], unanimous=unanimous)) for item in session.items]


def agree(votes: Counter[str | None], *, unanimous: bool = False) -> str | None:
    """Return the label of more than half of the votes, or of all; None where there is none."""
    if not votes:
        return None
    label, count = votes.most_common(1)[0]
    enough = count == votes.total() if unanimous else 2 * count > votes.total()
    return label if enough else None


def write_training(session: Session, path: Path, *, unanimous: bool = False) -> dict[str, Any]:
    """Write the session's training rows and, behind them, the rows that were labelled; returns counts.

    The columns have the names, labels, delimiter and encoding that the session was begun with: what reads the old file
    reads this one. A file that is there and not from the same command is not replaced.

    Raises:
        ConfigError: a file of another kind, one that is not to be replaced, or a session in which rows are rated.
    """
    if session.kind != LABELS:
        raise ConfigError(f"--training: expected a session begun with --uncertain, {session.folder} holds ratings.")
    columns = Columns.model_validate(session.settings["columns"])
    if path.suffix not in ENDINGS:
        raise ConfigError(f"--training {path}: expected a name that ends in {', '.join(ENDINGS)}.")
    voted = count_votes(session, unanimous=unanimous)
    added = [Example(one.item.text1, one.item.text2, one.label) for one in voted if one.label is not None]
    rows = [*read_training(session), *added]
    lines = [_name_cells(row, columns, pair=session.pair) for row in rows]
    text = _write_json(lines) if path.suffix == ".jsonl" else _write_table(lines, path, columns)
    try:
        data = text.encode(columns.encoding or "utf-8")
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"--training {path}: {columns.encoding} cannot hold {error.object[error.start]!r}."
        ) from error
    with claim([path], VERB, [session.folder]):
        write_with(path, lambda temporary: temporary.write_bytes(data))
    counts = Counter(row.label for row in rows)
    return {
        "training": str(path),
        "rows": len(rows),
        "added": len(added),
        "labels": {label: counts[label] for label in session.labels},
        "left_out": count_left_out(voted),
    }


def count_left_out(voted: Sequence[Voted]) -> dict[str, int]:
    """Return how many rows have no label, for each reason."""
    reasons = Counter(_find_reason(one) for one in voted if one.label is None)
    return dict(sorted(reasons.items()))


def describe_labels(session: Session) -> dict[str, Any]:
    """Return what --report says: answers of each annotator, agreement, labels, and how often the prompt was right.

    alpha: Krippendorff's, nominal, with a 95 % bootstrap interval over rows; None below two annotators.
    """
    voted, guesses = count_votes(session), read_guesses(session)
    answers = session.ratings.read()
    counts = np.array([[one.votes[label] for label in session.labels] for one in voted])
    agreed = [one for one in voted if one.label is not None]
    people: dict[str, dict[str, int]] = {}
    for (name, _), answer in sorted(answers.items()):
        person = people.setdefault(name, {"labelled": 0, "cannot_say": 0, "of": len(voted)})
        person["labelled" if answer.ratings else "cannot_say"] += 1
    return {
        "task": session.task,
        "items": len(voted),
        "annotators": people,
        "alpha": measure_alpha(counts, "nominal"),
        "alpha_interval": bootstrap_alpha(counts, "nominal", numpy_rng(session.settings["seed"], "annotate/labels")),
        "labels": {label: sum(one.label == label for one in agreed) for label in session.labels},
        "left_out": count_left_out(voted),
        "prompt_right": sum(guesses[one.item.id][0] == one.label for one in agreed),
    }


def show_labels(numbers: Mapping[str, Any]) -> str:
    """Return the numbers of `describe_labels` as plain text."""
    agreed = sum(numbers["labels"].values())
    lines = [f"{numbers['task']}: {agreed} of {numbers['items']} rows have a label"]
    for name, person in numbers["annotators"].items():
        done = f"{person['labelled']} labelled, {person['cannot_say']} none of these or not known"
        lines.append(f"  {name}: {done}, of {person['of']}")
    if agreed:
        lines.append("labels: " + ", ".join(f"{label} {count}" for label, count in numbers["labels"].items()))
        lines.append(f"the prompt gives the same label to {numbers['prompt_right']} of {agreed}")
    if numbers["left_out"]:
        lines.append("left out: " + ", ".join(f"{count} {why}" for why, count in numbers["left_out"].items()))
    if numbers["alpha"] is not None:
        interval = numbers["alpha_interval"]
        spread = f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
        lines.append(f"Krippendorff's alpha: {numbers['alpha']:.2f}{spread}")
    return "\n".join(lines)


def _find_reason(one: Voted) -> str:
    if not one.votes:
        return "without an answer"
    return "none of these" if one.votes[None] == one.votes.total() else "without agreement"


def _name_cells(row: Example, columns: Columns, *, pair: bool) -> dict[str, str]:
    values = {name: value for value, name in reversed(columns.labels.items()) if name is not None}
    label = str(row.label)
    texts = {columns.text1 or ("text1" if pair else "text"): row.text1}
    if row.text2 is not None:
        texts[columns.text2 or "text2"] = row.text2
    return texts | {columns.label or "label": values.get(label, label)}


def _write_json(lines: Sequence[Mapping[str, str]]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _write_table(lines: Sequence[Mapping[str, str]], path: Path, columns: Columns) -> str:
    if columns.quoting not in (None, "double"):
        raise ConfigError(f"--training {path}: cells are written in double quotes, not {columns.quoting}. Use .jsonl.")
    delimiter = columns.delimiter or ("\t" if path.suffix == ".tsv" else ",")
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(lines[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()
