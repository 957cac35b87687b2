"""Answers of annotators: a file that only grows, so that acknowledged answers survive a crash of the process.

ratings.jsonl has one line per answer and one per undo, written in one piece and flushed to the disk before it is
acknowledged. Each has an id from the page: sent twice, it counts once.

    {"id", "annotator", "item", "ratings": {"relevance": 4, "label": "yes", ...}, "seconds", "at"}
    {"id", "annotator", "undo": id of the answer, "at"}

A last line without its end is part of an answer that was never acknowledged: it is dropped.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from dawgen.errors import DataError, name_disk_fault
from dawgen.evaluate.annotate.questions import QUESTIONS, Question, Value, check_ratings
from dawgen.outputs import lock_folder

LONGEST_NAME = 64
LONGEST_LOOK = 10**7  # seconds, a third of a year


@dataclass(frozen=True, slots=True)
class Answer:
    """One annotator's answer about one item. ratings: by question; none at all means that the item was skipped.

    id: chosen by who sends it. seconds: looked at the item. at: time in UTC; "" until it is stored.
    """

    id: str
    annotator: str
    item: str
    ratings: Mapping[str, Value]
    seconds: float | None = None
    at: str = ""


def parse_answer(fields: Mapping[str, Any], where: str, questions: Sequence[Question] = QUESTIONS) -> Answer:
    """Return the answer of a JSON object. Raises DataError for a field that is missing, unknown or wrong."""
    unknown = [name for name in fields if name not in Answer.__slots__]
    texts = [fields.get("id"), fields.get("annotator"), fields.get("item"), fields.get("at", "-")]
    if unknown or not all(isinstance(text, str) and text.isprintable() and 0 < len(text) <= 200 for text in texts):
        raise DataError(f"{where}: expected an answer with id, annotator, item and ratings, found {fields!r:.200}.")
    seconds, ratings = fields.get("seconds"), fields.get("ratings")
    if not isinstance(ratings, Mapping):
        raise DataError(f"{where}: expected ratings by question, found {ratings!r:.40}.")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
        raise DataError(f"{where}: expected a number of seconds, found {seconds!r:.40}.")
    if seconds is not None and not 0 <= seconds < LONGEST_LOOK:
        raise DataError(f"{where}: expected seconds between 0 and {LONGEST_LOOK}, found {seconds!r:.40}.")
    return Answer(
        id=fields["id"],
        annotator=check_name(fields["annotator"], where),
        item=fields["item"],
        ratings=check_ratings(ratings, where, questions),
        seconds=seconds,
        at=fields.get("at", ""),
    )


def check_name(name: str, where: str) -> str:
    """Return an annotator's name without white space at its ends. Raises DataError for one that cannot be shown."""
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > LONGEST_NAME or not cleaned.isprintable():
        raise DataError(f"{where}: expected an annotator's name of 1 to {LONGEST_NAME} characters, found {name!r:.80}.")
    return cleaned


class Ratings:
    """The answers in a session's folder; safe to use from several threads, written by one process at a time.

        ratings = Ratings(folder, {"0a1b2c"})
        ratings.append(Answer("id-1", "ann", "0a1b2c", {"fluency": 5}))
        ratings.undo("ann", "id-2")

    items: ids that can be rated. questions: that are asked about each. torn: whether the file's last line was cut off,
    which the next write mends.
    Raises DataError for a damaged line, with its number, and for one about another item.
    """

    def __init__(self, folder: Path, items: Collection[str], questions: Sequence[Question] = QUESTIONS) -> None:
        self.path = folder / "ratings.jsonl"
        self._items, self._questions = items, questions
        self._lock = Lock()
        self._file: int | None = None
        self._held = ExitStack()  # the file and the folder's lock
        self._load()

    def claim(self) -> None:
        """Open the file for writing now, and not with the first answer.

        Raises ConfigError where another process has done so.
        """
        with self._lock:
            self._open()

    def append(self, answer: Answer) -> bool:
        """Store an answer; a second one of the same person on the same item takes the first one's place.

        Returns False where it was stored before. Raises DataError for an unknown item and for an id that another
        answer has, ConfigError where another process writes to the folder.
        """
        with self._lock:
            self._open()
            known = self._answers.get(answer.id)
            if known is not None and replace(answer, at=known.at) == known:
                return False
            stored = replace(answer, at=answer.at or tell_time())
            self._check_new(stored.id, "answer")
            self._check_item(stored.item, f"answer {stored.id}")
            self._write(asdict(stored))
            self._keep(stored)
            return True

    def undo(self, annotator: str, number: str, answer: str | None = None) -> Answer | None:
        """Take back the annotator's answer of that id, or the last that stands; return it, or None for none such.

        number: id of the undo; sent twice, the second changes nothing and returns the same answer.
        """
        with self._lock:
            self._open()
            if number in self._undone:
                return self._answers[self._undone[number]]
            standing = self._standing.get(annotator, [])
            wanted = answer if answer is not None else standing[-1] if standing else None
            if wanted is None or wanted not in standing:
                return None
            self._check_new(number, "undo")
            self._write({"id": number, "annotator": annotator, "undo": wanted, "at": tell_time()})
            return self._take_back(number, annotator, wanted)

    def read(self) -> dict[tuple[str, str], Answer]:
        """Return the valid answers: the last of each annotator on each item, each annotator's in order of rating."""
        with self._lock:
            found = [self._answers[number] for numbers in self._standing.values() for number in numbers]
        latest: dict[tuple[str, str], Answer] = {}
        for answer in found:
            latest.pop((answer.annotator, answer.item), None)  # a changed answer comes last, not where the first was
            latest[answer.annotator, answer.item] = answer
        return latest

    def knows(self, number: str) -> bool:
        """Return whether an answer or undo of that id was ever stored."""
        with self._lock:
            return number in self._answers or number in self._undone

    def close(self) -> None:
        """Let another process write."""
        with self._lock:
            self._held.close()
            self._file = None

    def _load(self) -> bytes:
        """Read the file again and return its bytes; `_size` is the length of its complete lines."""
        self._answers: dict[str, Answer] = {}  # by id, standing or not
        self._undone: dict[str, str] = {}  # id of the undo -> id of the answer
        self._standing: dict[str, list[str]] = {}  # annotator -> ids of answers, in order
        self._size = 0
        data = self.path.read_bytes() if self.path.exists() else b""
        for number, line in enumerate(io.BytesIO(data), start=1):
            self._read_line(line, f"{self.path}:{number}")
        self.torn = self._size < len(data)
        return data

    def _read_line(self, line: bytes, where: str) -> None:
        try:
            event = json.loads(line) if line.strip() else None
        except ValueError as error:
            if not line.endswith(b"\n"):
                return
            raise DataError(f"{where}: expected JSON: {error}. Take the line out.") from error
        if event is not None:
            self._count(event, where)
        self._size += len(line)

    def _count(self, event: Any, where: str) -> None:
        if not isinstance(event, dict) or not isinstance(event.get("id"), str):
            raise DataError(f"{where}: expected an answer or an undo, found {event!r:.40}. Take the line out.")
        self._check_new(event["id"], where)
        if "undo" not in event:
            answer = parse_answer(event, where, self._questions)
            self._check_item(answer.item, where)
            self._keep(answer)
        elif event["undo"] in self._standing.get(str(event.get("annotator")), []):
            self._take_back(event["id"], event["annotator"], event["undo"])
        else:
            raise DataError(f"{where}: expected the undo of an answer that stands, found {event['undo']!r:.40}.")

    def _check_new(self, number: str, where: str) -> None:
        if number in self._answers or number in self._undone:
            raise DataError(f"{where}: another line has the id {number!r:.60}; each needs one of its own.")

    def _check_item(self, item: str, where: str) -> None:
        if item not in self._items:
            raise DataError(f"{where}: there is no item {item!r:.60} in this sample.")

    def _keep(self, answer: Answer) -> None:
        self._answers[answer.id] = answer
        self._standing.setdefault(answer.annotator, []).append(answer.id)

    def _take_back(self, number: str, annotator: str, answer: str) -> Answer:
        self._undone[number] = answer
        self._standing[annotator].remove(answer)
        return self._answers[answer]

    def _write(self, event: Mapping[str, Any]) -> None:
        """Append one line and wait for the disk; where that fails, nothing of it stays and nothing is counted."""
        assert self._file is not None
        line = json.dumps(event, ensure_ascii=False).encode() + b"\n"
        try:
            if os.write(self._file, line) < len(line):
                raise OSError("no space left on the disk")
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise DataError(
                f"{self.path}: the answer cannot be written: {error}. Make space and send again."
            ) from error
        self._size += len(line)

    def _open(self) -> None:
        """Open for writing, alone, read what others have written since, and mend the last line."""
        if self._file is not None:
            return
        new = not self.path.exists()
        with ExitStack() as stack:
            stack.enter_context(lock_folder(self.path.parent, "annotate"))
            with name_disk_fault(self.path):
                file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            stack.callback(os.close, file)
            data = self._load()
            os.ftruncate(file, self._size)
            if self._size and not data[: self._size].endswith(b"\n"):  # whole, but for its end
                self._size += os.write(file, b"\n")
            self._file, self.torn = file, False
            self._held = stack.pop_all()
        if new:
            _flush_folder(self.path.parent)


def tell_time() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _flush_folder(folder: Path) -> None:
    """Wait until the folder's new file is on the disk by name."""
    with suppress(OSError):  # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
