"""Round trips through CSV and Label Studio, and what their files must not tell."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate.exports import export_csv, export_label_studio, make_config
from dawgen.evaluate.annotate.imports import Imported, import_answers
from dawgen.evaluate.annotate.questions import QUESTIONS, Value
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.session import Session
from support.sessions import judge_well, make_session, nod, rate

Said = dict[tuple[str, str], tuple[Mapping[str, Value], float | None]]

ratings = st.fixed_dictionaries({}, optional={q.name: st.sampled_from(q.values) for q in QUESTIONS})
names = st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1, max_size=12).filter(
    lambda n: n.isprintable()
)
seconds = st.none() | st.floats(0, 1e6)
given_answers = st.lists(st.tuples(names, st.integers(0, 37), ratings, seconds), max_size=12)


def read_all(session: Session) -> Said:
    return {key: (answer.ratings, answer.seconds) for key, answer in session.ratings.read().items()}


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def fill(session: Session, answers: list[tuple[str, int, dict[str, Value], float | None]]) -> None:
    for number, (name, place, said, looked) in enumerate(answers):
        session.ratings.append(Answer(f"a{number}", name, session.items[place].id, said, looked))


@settings(max_examples=30, deadline=None)
@given(answers=given_answers, kind=st.sampled_from(["csv", "json"]))
def test_answers_survive_the_way_out_and_back(
    answers: list[tuple[str, int, dict[str, Value], float | None]], kind: str
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        there, back = make_session(folder / "there"), make_session(folder / "back")
        fill(there, answers)
        path = folder / f"answers.{kind}"
        if kind == "csv":
            export_csv(there, path)
        else:
            export_label_studio(there, path, answers=True)
            tasks = [task for task in json.loads(path.read_text()) if "annotations" in task]
            path.write_text(json.dumps(tasks))  # as Label Studio does: tasks without annotations stay away
        count = len(there.ratings.read())
        assert import_answers(back, path) == Imported(count, 0)
        assert read_all(back) == read_all(there)
        before = back.ratings.path.read_bytes() if count else b""
        assert import_answers(back, path) == import_answers(there, path) == Imported(0, count)
        assert (back.ratings.path.read_bytes() if count else b"") == before


def test_an_answer_that_was_taken_back_comes_in_again(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    rate(session, "ann", nod)
    export_csv(session, tmp_path / "a.csv")
    copy = make_session(tmp_path / "copy")
    assert import_answers(copy, tmp_path / "a.csv").new == len(session.items)
    copy.ratings.undo("ann", "u")
    assert import_answers(copy, tmp_path / "a.csv") == Imported(1, len(session.items) - 1)
    assert read_all(copy) == read_all(session)


def test_an_empty_session_gives_a_sheet_to_fill_in(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    assert export_csv(session, tmp_path / "sheet.csv") == len(session.items)
    rows = read_table(tmp_path / "sheet.csv")
    assert {row["annotator"] for row in rows} == {""} and {row["fluency"] for row in rows} == {""}
    assert import_answers(session, tmp_path / "sheet.csv") == Imported(0, 0)
    rows[0] |= {"annotator": " zoé ", "fluency": "4.0", "label": "YES", "seconds": ""}
    rows[1] |= {"annotator": "zoé", "skipped": "yes"}
    with (tmp_path / "filled.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert import_answers(session, tmp_path / "filled.csv") == Imported(2, 0)
    assert read_all(session) == {
        ("zoé", rows[0]["item"]): ({"fluency": 4, "label": "yes"}, None),
        ("zoé", rows[1]["item"]): ({}, None),
    }


def test_exports_are_blind_unless_sources_are_asked_for(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    rate(session, "ann", judge_well)
    export_csv(session, tmp_path / "blind.csv")
    export_label_studio(session, tmp_path / "tasks.json")
    for name in ("blind.csv", "tasks.json", "tasks.xml"):
        text = (tmp_path / name).read_text()
        assert not any(word in text for word in ("control", "set0", "shuffled", "wrong_label", '"real"', ",real,"))
    assert "annotations" not in (tmp_path / "tasks.json").read_text()
    export_csv(session, tmp_path / "open.csv", sources=True)
    rows = read_table(tmp_path / "open.csv")
    by_id = {item.id: item for item in session.items}
    assert all(
        (row["source"], row["fault"] or None, int(row["row"])) == (item.source, item.fault, item.row)
        for row in rows
        for item in [by_id[row["item"]]]
    )


@pytest.mark.parametrize("pair", [True, False])
def test_the_labelling_configuration_fits_the_tasks(tmp_path: Path, pair: bool) -> None:
    view = ElementTree.fromstring(make_config(pair, QUESTIONS))
    texts = {text.get("name"): text.get("value") for text in view.iter("Text")}
    controls = {tag.get("name"): tag for kind in ("Rating", "Choices") for tag in view.iter(kind)}
    assert set(controls) == {question.name for question in QUESTIONS} and not set(controls) & set(texts)
    assert {tag.get("toName") for tag in controls.values()} <= set(texts)
    assert {choice.get("value") for choice in controls["label"]} == {"yes", "unsure", "no"}
    assert ("text2" in texts) == pair
    if pair:
        session = make_session(tmp_path / "s")
        config = export_label_studio(session, tmp_path / "tasks.json")
        assert config.read_text() == make_config(True, QUESTIONS)
        tasks = json.loads((tmp_path / "tasks.json").read_text())
        assert [task["data"]["item"] for task in tasks] == [item.id for item in session.items]
        assert all({str(value).lstrip("$") for value in texts.values()} <= set(task["data"]) for task in tasks)
        assert all(task["data"]["similar1"] for task in tasks)


def make_annotation(person: Any, updated: str = "2026-11-23T02:15:19.989951Z", **change: Any) -> dict[str, Any]:
    """Return an annotation as Label Studio 1.23 exports it."""
    results: list[tuple[str, str, dict[str, Any]]] = [
        ("relevance", "rating", {"rating": 4}),
        ("fluency", "rating", {"rating": 2}),
        ("label", "choices", {"choices": ["unsure"]}),
    ]
    return {
        "id": 30,
        "completed_by": person,
        "result": [
            {
                "value": value,
                "id": "T2DhS13hVX",
                "from_name": name,
                "to_name": "text1",
                "type": kind,
                "origin": "manual",
            }
            for name, kind, value in results
        ],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-11-23T02:15:19.989912Z",
        "updated_at": updated,
        "draft_created_at": None,
        "lead_time": 8.935,
        "prediction": {},
        "unique_id": "5f6f55d7-931f-48f1-8c3e-cb6bab23fe57",
    } | change


def test_an_export_of_label_studio_is_read_with_its_annotators(tmp_path: Path) -> None:
    session = make_session(tmp_path / "s")
    first, second = session.items[0].id, session.items[1].id
    late = make_annotation(1, "2026-11-24T00:00:00Z", was_cancelled=True)
    tasks = [
        {"id": 60, "annotations": [late, make_annotation(1)], "drafts": [], "data": {"item": first}, "inner_id": 1},
        {
            "id": 61,
            "annotations": [make_annotation({"id": 2, "email": "bob@example.com"}), make_annotation({"id": 3})],
            "data": {"item": second},
        },
    ]
    (tmp_path / "ls.json").write_text(json.dumps(tasks))
    assert import_answers(session, tmp_path / "ls.json") == Imported(3, 0)
    said = {"relevance": 4, "fluency": 2, "label": "unsure"}
    assert read_all(session) == {
        ("user 1", first): ({}, 8.935),
        ("bob@example.com", second): (said, 8.935),
        ("user 3", second): (said, 8.935),
    }
    assert import_answers(session, tmp_path / "ls.json") == Imported(0, 3)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"text1": "a", "relevance": 3, "annotator": 1}, "item 1: expected a task with data.item.*\n.*not JSON-MIN"),
        ({"data": {"item": "nobody"}, "annotations": [make_annotation(1)]}, "item 1: there is no item 'nobody'"),
        ({"data": {"item": "ITEM"}, "annotations": [make_annotation(None)]}, "completed_by to name a user"),
        ({"data": {"item": "ITEM"}, "annotations": [3]}, "expected an annotation with a result"),
        (
            {"data": {"item": "ITEM"}, "annotations": [make_annotation(1, result=[{}])]},
            "expected a result with from_name",
        ),
        (
            {
                "data": {"item": "ITEM"},
                "annotations": [make_annotation(1, result=[{"from_name": "fluency", "value": {"rating": 9}}])],
            },
            "expected fluency to be one of 1, 2, 3, 4, 5, found 9",
        ),
        (
            {
                "data": {"item": "ITEM"},
                "annotations": [make_annotation(1, result=[{"from_name": "beauty", "value": {"rating": 2}}])],
            },
            "unknown question 'beauty'",
        ),
    ],
)
def test_what_is_no_export_of_this_session_is_refused_whole(tmp_path: Path, task: dict[str, Any], message: str) -> None:
    session = make_session(tmp_path / "s")
    good = {"data": {"item": session.items[0].id}, "annotations": [make_annotation(1)]}
    text = json.dumps([task, good]).replace("ITEM", session.items[1].id)
    (tmp_path / "ls.json").write_text(text)
    with pytest.raises(DataError, match=message):
        import_answers(session, tmp_path / "ls.json")
    assert not session.ratings.path.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item,fluency\nITEM,3\n", "csv:2: expected a column 'annotator'"),
        ("item,annotator,fluency\nITEM,ann,6\n", "csv:2: expected fluency to be one of"),
        ("item,annotator,fluency\nITEM,ann,2\nITEM,,3\n", "csv:3: expected an answer with id, annotator"),
        ("item,annotator,label\nITEM,ann,maybe\n", "csv:2: expected label to be one of no, unsure, yes"),
        ("item,annotator,fluency,seconds\nITEM,ann,3,soon\n", "csv:2: expected a number of seconds, found 'soon'"),
        ("item,annotator,fluency,skipped\nITEM,ann,3,yes\n", "csv:2: expected skipped to be empty"),
        ("item,annotator,fluency\nother,ann,3\n", "csv:2: there is no item 'other'"),
    ],
)
def test_mistakes_in_a_table_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    session = make_session(tmp_path / "s")
    (tmp_path / "a.csv").write_text(text.replace("ITEM", session.items[0].id))
    with pytest.raises(DataError, match=message):
        import_answers(session, tmp_path / "a.csv")
    assert not session.ratings.path.exists()


def test_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected \.json as Label Studio exports it, or \.csv"):
        import_answers(make_session(tmp_path / "s"), tmp_path / "answers.xlsx")
