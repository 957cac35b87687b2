"""Answers from other tools into a session: Label Studio's JSON export, and the CSV that `export_csv` writes.

Everything is read and checked before anything is stored, and a file that is imported twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from dawgen.data.formats import Record, read_table
from dawgen.errors import ConfigError, DataError, suggest
from dawgen.evaluate.annotate.exports import SKIPPED
from dawgen.evaluate.annotate.questions import QUESTIONS, Question
from dawgen.evaluate.annotate.ratings import Answer, Ratings, parse_answer
from dawgen.evaluate.annotate.session import Session


@dataclass(frozen=True, slots=True)
class Imported:
    """new: answers stored, also those that replace another; same: answers that were stored before."""

    new: int
    same: int


def import_answers(session: Session, path: Path) -> Imported:
    """Store the answers of a file: .json from Label Studio, else .csv or .tsv.

    Raises DataError with file and place for anything that is wrong, and stores nothing then; ConfigError for another
    kind of file, and where a server has the session open.
    """
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind not in ("json", "csv", "tsv"):
        raise ConfigError(f"{path}: expected .json as Label Studio exports it, or .csv. Rename or export again.")
    records, asked = read_table(path).records, session.questions
    answers = list(read_label_studio(records, asked) if kind == "json" else read_rows(records, asked))
    known = {item.id for item in session.items}
    for answer, where in answers:
        if answer.item not in known:
            raise DataError(f"{where}: there is no item {answer.item!r:.60} in this session. Import its own export.")
    last = {(answer.annotator, answer.item): answer for answer, _ in answers}
    standing = session.ratings.read()
    wanted = [a for key, a in last.items() if key not in standing or standing[key].ratings != a.ratings]
    for answer in wanted:
        session.ratings.append(replace(answer, id=_find_id(session.ratings, answer)))
    return Imported(len(wanted), len(last) - len(wanted))


def read_rows(records: Iterable[Record], questions: Sequence[Question] = QUESTIONS) -> Iterator[tuple[Answer, str]]:
    """Yield the answers of a table, each with its place; rows without an answer are left out."""
    for record in records:
        cells = {name: str(cell).strip() for name, cell in record.fields.items() if name and cell is not None}
        for name in ("item", "annotator"):
            if name not in cells:
                raise DataError(f"{record.where}: expected a column {name!r}; {suggest(name, cells)}")
        ratings = {q.name: _parse_cell(cells[q.name], q) for q in questions if cells.get(q.name)}
        skipped = cells.get("skipped", "").lower()
        if skipped not in ("", SKIPPED) or (skipped and ratings):
            raise DataError(f"{record.where}: expected skipped to be empty, or {SKIPPED!r} in a row without ratings.")
        if ratings or skipped:
            seconds = _parse_seconds(cells.get("seconds", ""), record.where)
            answer = _fill(cells["item"], cells["annotator"], ratings, seconds, cells.get("at"))
            yield parse_answer(answer, record.where, questions), record.where


def read_label_studio(
    records: Iterable[Record], questions: Sequence[Question] = QUESTIONS
) -> Iterator[tuple[Answer, str]]:
    """Yield the answers of Label Studio's export "JSON", and where each stands.

    An annotator is the e-mail address where the export has it, else "user 7". Of several annotations of one person on
    a task the last counts. A cancelled one is a skipped item.
    """
    for record in records:
        data, annotations = record.fields.get("data"), record.fields.get("annotations")
        if not isinstance(data, dict) or "item" not in data or not isinstance(annotations, list):
            raise DataError(
                f"{record.where}: expected a task with data.item and annotations, found {list(record.fields)!s:.80}.\n"
                "Choose the export format JSON (not JSON-MIN) of a project made with `dawgen annotate`."
            )
        for annotation in sorted(annotations, key=lambda a: str(a.get("updated_at")) if isinstance(a, dict) else ""):
            fields = _read_annotation(annotation, str(data["item"]), record.where)
            yield parse_answer(fields, record.where, questions), record.where


def _read_annotation(annotation: Any, item: str, where: str) -> dict[str, Any]:
    results = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(results, list):
        raise DataError(f"{where}: expected an annotation with a result, found {annotation!r:.60}.")
    ratings = {} if annotation.get("was_cancelled") else dict(_read_result(result, where) for result in results)
    annotator = _name_annotator(annotation.get("completed_by"), where)
    return _fill(item, annotator, ratings, annotation.get("lead_time"), annotation.get("updated_at"))


def _read_result(result: Any, where: str) -> tuple[str, Any]:
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict) or not isinstance(result.get("from_name"), str):
        raise DataError(f"{where}: expected a result with from_name and value, found {result!r:.60}.")
    choices = value.get("choices")
    given = choices[0] if isinstance(choices, list) and len(choices) == 1 else value.get("rating")
    return result["from_name"], given


def _name_annotator(person: Any, where: str) -> str:
    if isinstance(person, dict):
        person = person.get("email") or person.get("id")
    if isinstance(person, bool) or not isinstance(person, int | str) or person == "":
        raise DataError(
            f"{where}: expected completed_by to name a user, found {person!r:.40}. Export with user details."
        )
    return person if isinstance(person, str) else f"user {person}"


def _parse_cell(text: str, question: Question) -> int | str:
    """Return a cell's answer; spreadsheets sometimes write 4 as 4.0, and YES for yes."""
    if not question.is_scale:
        return text if text in question.values else text.lower()
    try:
        number = float(text)
        return int(number) if number.is_integer() else text
    except (ValueError, OverflowError):
        return text


def _parse_seconds(text: str, where: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise DataError(f"{where}: expected a number of seconds, found {text!r:.40}.") from error


def _fill(item: str, annotator: str, ratings: Mapping[str, Any], seconds: Any, at: Any) -> dict[str, Any]:
    """Return the fields of an answer whose id is still to be found."""
    fields = {"id": "import", "annotator": annotator, "item": item, "ratings": ratings, "seconds": seconds}
    return fields | ({"at": at} if at else {})


def _find_id(ratings: Ratings, answer: Answer) -> str:
    """Return an id that follows from the answer; another one where the same was stored before and taken back."""
    text = json.dumps([answer.annotator, answer.item, dict(answer.ratings), answer.seconds, answer.at])
    numbers = (f"import-{hashlib.sha256(f'{turn}/{text}'.encode()).hexdigest()[:24]}" for turn in count())
    return next(number for number in numbers if not ratings.knows(number))
