"""A session for other tools: Label Studio's tasks and labelling configuration, and CSV for spreadsheets.

Both are blind, as the page is: neither says where a row comes from, except in a CSV made for analysis.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from dawgen.errors import ConfigError
from dawgen.evaluate.annotate.questions import Question, Value
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.sample import Item
from dawgen.evaluate.annotate.session import LABELS, RATINGS, Session
from dawgen.files import write_json, write_text
from dawgen.outputs import claim

WHO, SHOWN, AFTER = ("item", "annotator"), ("shown_label", "similar1", "similar2"), ("skipped", "seconds", "at")
HIDDEN = ("source", "fault", "row")
SKIPPED = "yes"
OBJECT = "text1"  # the part of the Label Studio page to which answers belong
NOTHING = "-"  # Label Studio shows no empty text


def export_csv(session: Session, path: Path, *, sources: bool = False) -> int:
    """Write a row per annotator and item, and return how many.

    A row without an answer has empty cells to fill in; in a session without answers the annotator is empty too.
    sources: also say where each row comes from: for analysis, not for annotators.
    """
    answers = session.ratings.read()
    stream = io.StringIO()
    names = [question.name for question in session.questions]
    shown = () if session.kind == LABELS else SHOWN
    columns = [*WHO, "text1", "text2", *shown, *names, *AFTER, *(HIDDEN if sources else ())]
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    rows = [
        _list_cells(item)
        | {"annotator": annotator}
        | _show_answer(answers.get((annotator, item.id)), names)
        | _tell(item)
        for annotator in sorted({annotator for annotator, _ in answers}) or [""]
        for item in session.list_items(annotator)
    ]
    writer.writerows({name: row[name] for name in columns} for row in rows)
    with claim([path], "annotate --export", [session.folder]):
        write_text(path, stream.getvalue())
    return len(rows)


def export_label_studio(session: Session, path: Path, *, answers: bool = False) -> Path:
    """Write the tasks to `path` (JSON) and the labelling configuration beside it (XML); return the latter's path.

    answers: include the answers so far as annotations. Label Studio imports them only if every annotator's name is the
    e-mail address of one of its users.
    """
    config = path.with_suffix(".xml")
    if config == path:
        raise ConfigError(f"--to {path}: expected a name for JSON, .xml is that of the labelling interface beside it.")
    known = session.ratings.read() if answers else {}
    tasks = []
    for item in session.items:
        given = [_annotate(answer) for (_, rated), answer in known.items() if rated == item.id]
        tasks.append({"data": _list_data(item, session.kind), **({"annotations": given} if given else {})})
    with claim([path, config], "annotate --export", [session.folder]):
        write_text(config, make_config(session.pair, session.questions, session.kind))
        write_json(path, tasks)
    return config


def make_config(pair: bool, questions: Sequence[Question], kind: str = RATINGS) -> str:
    """Return the labelling configuration: the texts and the questions, for ratings also the shown label and the most
    similar real row."""
    view = ElementTree.Element("View")
    shown = [("First text", "text1"), ("Second text", "text2")] if pair else [("Text", "text1")]
    if kind != LABELS:
        shown += [("Shown label", "shown_label"), ("Most similar real row", "similar1")]
        shown += [("", "similar2")] if pair else []
    for title, name in shown:
        if title:
            ElementTree.SubElement(view, "Header", value=title, size="5")
        ElementTree.SubElement(view, "Text", name=name, value=f"${name}")
    for question in questions:
        _add_question(view, question, pair)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _add_question(view: ElementTree.Element, question: Question, pair: bool) -> None:
    text = question.of_pair if pair else question.of_text
    first, last = question.values[0], question.values[-1]
    title = f"{text} ({first}: {question.low}, {last}: {question.high})" if question.is_scale else text
    ElementTree.SubElement(view, "Header", value=title, size="5")
    if question.is_scale:
        ElementTree.SubElement(view, "Rating", name=question.name, toName=OBJECT, maxRating=str(last))
        return
    choices = ElementTree.SubElement(
        view, "Choices", name=question.name, toName=OBJECT, choice="single", showInline="true"
    )
    for value in question.values if question.low == "" else reversed(question.values):
        ElementTree.SubElement(choices, "Choice", value=str(value))


def _list_data(item: Item, kind: str) -> dict[str, str]:
    hidden = (SHOWN if kind == LABELS else ()) + (("text2", "similar2") if item.text2 is None else ())
    return {name: text or NOTHING for name, text in _list_cells(item).items() if name not in hidden}


def _annotate(answer: Answer) -> dict[str, Any]:
    return {
        "completed_by": {"email": answer.annotator},
        "was_cancelled": not answer.ratings,
        "lead_time": answer.seconds,
        "updated_at": answer.at,
        "result": [_make_result(name, value) for name, value in answer.ratings.items()],
    }


def _make_result(name: str, value: Value) -> dict[str, Any]:
    kind, shown = ("rating", value) if isinstance(value, int) else ("choices", [value])
    return {"from_name": name, "to_name": OBJECT, "type": kind, "value": {kind: shown}}


def _list_cells(item: Item) -> dict[str, str]:
    near = item.nearest
    return {
        "item": item.id,
        "text1": item.text1,
        "text2": item.text2 or "",
        "shown_label": item.label,
        "similar1": near.text1 if near else "",
        "similar2": (near.text2 or "") if near else "",
    }


def _show_answer(answer: Answer | None, names: Sequence[str]) -> dict[str, Any]:
    ratings: Mapping[str, Value] = answer.ratings if answer else {}
    cells: dict[str, Any] = {name: ratings.get(name, "") for name in names}
    cells["skipped"] = SKIPPED if answer and not ratings else ""
    cells["seconds"] = "" if answer is None or answer.seconds is None else json.dumps(answer.seconds)
    return cells | {"at": answer.at if answer else ""}


def _tell(item: Item) -> dict[str, Any]:
    return {"source": item.source, "fault": item.fault or "", "row": item.row}
