"""A session: a folder with the blind sample to rate, or the rows to label, its settings, and the answers.

settings.json   the sources and settings of the sample, with hashes; written last: its presence means complete.
                kind "labels": rows get labels (uncertain.py); without it they are rated
sample.jsonl    the items, sources included; never shown as a whole
ratings.jsonl   the answers (see ratings.py)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.data import as_row
from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.questions import QUESTIONS, Question, ask_label
from dawgen.evaluate.annotate.ratings import Ratings
from dawgen.evaluate.annotate.sample import Item, draw_sample, order_items
from dawgen.files import describe_changes, hash_file, write_json, write_jsonl
from dawgen.outputs import NOTES, check_folder, hold
from dawgen.records import Example
from dawgen.tasks import Task

RATINGS, LABELS = "ratings", "labels"  # kinds of sessions
SCORES = "scores-"  # how the name of a folder with scores begins, in a session that is being begun
NEEDED = ("seed", "task", "labels", "pair", "sample_sha256")


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is open. items: in the order of the file; settings: what settings.json holds."""

    folder: Path
    settings: Mapping[str, Any]
    items: Sequence[Item]
    ratings: Ratings

    @classmethod
    def create(
        cls,
        folder: Path,
        sets: Mapping[str, Sequence[Example]],
        real: Sequence[Example],
        task: Task,
        *,
        rows: int,
        controls: int,
        seed: int,
    ) -> Session:
        """Draw a sample into an empty folder, or continue the session there if its sources and settings are the same.

        Raises ConfigError where the folder holds another session or anything else, and what `draw_sample` raises.
        """
        settings = {
            "seed": seed,
            "task": task.name,
            "labels": list(task.labels),
            "pair": task.pair,
            "rows": rows,
            "controls": controls,
            "real": describe_rows(real),
            "sets": {name: describe_rows(examples) for name, examples in sets.items()},
            "questions": [question.name for question in QUESTIONS],
        }
        return cls.begin(
            folder, settings, lambda: draw_sample(sets, real, task, rows=rows, controls=controls, seed=seed)
        )

    @classmethod
    def begin(
        cls, folder: Path, settings: dict[str, Any], draw: Callable[[], Sequence[Item]], files: Sequence[str] = ()
    ) -> Session:
        """Write what `draw` returns into an empty folder, or continue the session of the same settings there.

        files: more names that `draw` writes there. Raises ConfigError as `create` does.
        """
        if (folder / "settings.json").is_file():
            session = cls.open(folder)
            there = {name: value for name, value in session.settings.items() if name != "sample_sha256"}
            if changes := describe_changes(there, settings):
                raise ConfigError(
                    f"{folder}: expected a session drawn with the same settings, found {changes}.\n"
                    f"Go on with `dawgen annotate {folder}`, or choose another --out."
                )
            return session
        check_folder(folder)
        if folder.is_dir() and any(not _is_unfinished(path, files) for path in folder.iterdir()):
            raise ConfigError(f"{folder}: expected an empty folder or a session, found files. Choose another --out.")
        with hold(folder, "annotate", ("sample.jsonl", *files, "settings.json")):
            write_jsonl(folder / "sample.jsonl", [item.as_row() for item in draw()])
            write_json(folder / "settings.json", settings | {"sample_sha256": hash_file(folder / "sample.jsonl")})
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Session:
        """Return the session of a folder. Raises DataError where there is none, or its files do not belong together."""
        settings, items = _read_settings(folder), _read_items(folder / "sample.jsonl")
        if hash_file(folder / "sample.jsonl") != settings.get("sample_sha256"):
            raise DataError(f"{folder}/sample.jsonl: expected the sample as it was drawn, found another. Restore it.")
        return cls(folder, settings, items, Ratings(folder, {item.id for item in items}, ask_questions(settings)))

    @property
    def kind(self) -> str:
        """What people give: "ratings" of rows, or their "labels"."""
        return str(self.settings.get("kind", RATINGS))

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions about each item."""
        return ask_questions(self.settings)

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.settings["task"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The task's labels."""
        return tuple(self.settings["labels"])

    @property
    def pair(self) -> bool:
        """Whether rows are pairs of texts."""
        return bool(self.settings["pair"])

    @property
    def key(self) -> str:
        """The sample's identity; a page stores its unsent answers under it."""
        return str(self.settings["sample_sha256"])[:16]

    def list_items(self, annotator: str) -> list[Item]:
        """Return the items in the annotator's own order; rows to label as they were chosen, the most useful first."""
        if self.kind == LABELS:
            return list(self.items)
        return order_items(self.items, annotator, self.settings["seed"])


def ask_questions(settings: Mapping[str, Any]) -> tuple[Question, ...]:
    """Return the questions of a session with these settings."""
    return (ask_label(settings["labels"]),) if settings.get("kind") == LABELS else QUESTIONS


def hash_rows(examples: Iterable[Example]) -> str:
    """Return the SHA-256 of the examples as JSON Lines: the same whatever kind of file they came from."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps(as_row(example), ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def is_session(path: Path) -> bool:
    """Return whether the path is a session's folder."""
    return (path / "settings.json").is_file() and (path / "sample.jsonl").is_file()


def describe_rows(examples: Sequence[Example]) -> dict[str, Any]:
    """Return what settings say of examples: how many, and their hash."""
    return {"rows": len(examples), "sha256": hash_rows(examples)}


def _is_unfinished(path: Path, files: Sequence[str]) -> bool:
    """Return whether a file is a leftover of a killed drawing."""
    own = path.name in ("sample.jsonl", NOTES, *files) or path.name.startswith(SCORES)
    return own or (path.name.startswith(".") and path.name.endswith(".tmp"))


def _read_settings(folder: Path) -> dict[str, Any]:
    path = folder / "settings.json"
    try:
        settings = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: expected a session of `dawgen annotate` with settings.json: {error}.") from error
    known: Mapping[str, Any] = settings if isinstance(settings, dict) else {}
    needed = NEEDED if known.get("kind") == LABELS else (*NEEDED, "sets")
    missing = [name for name in needed if name not in known]
    if missing:
        raise DataError(f"{path}: expected the settings of a session, found no {', '.join(missing)}.")
    return dict(settings)


def _read_items(path: Path) -> list[Item]:
    try:
        lines = path.read_text("utf-8").split("\n")
        return [Item.from_row(json.loads(line)) for line in lines if line.strip()]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: expected the items of a sample, found a damaged line: {error}. Restore it."
        ) from error
