"""A session of labels: what is asked, what is hidden, and what a kill costs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dawgen.classifier.estimator import PromptClassifier
from dawgen.errors import ConfigError, DataError
from dawgen.evaluate.annotate import uncertain
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.server import make_app
from dawgen.evaluate.annotate.session import Session
from dawgen.evaluate.annotate.start import Begin, open_session
from dawgen.evaluate.annotate.uncertain import Ask, open_labels, read_guesses, read_training
from support.jobs import make_pairs, write_rows

LABELS = ["same", "other", "not"]


def test_the_rows_that_are_asked_for_are_new_ones_of_the_pool(ask: Ask) -> None:
    session, pool = open_labels(ask)
    lines = [line.split(",") for line in Path(ask.pool).read_text().splitlines()[1:]]
    assert len({item.id for item in session.items}) == len({item.row for item in session.items}) == 6
    for item in session.items:
        assert [item.text1, item.text2] == lines[item.row - 1]
    known = {(row.text1, row.text2) for row in read_training(session)}
    assert len(known) == 12 and known.isdisjoint((item.text1, item.text2) for item in session.items)
    assert session.list_items("ann") == session.list_items("bob") == list(session.items)
    assert pool.rows == 60 and len(pool.examples) + sum(pool.left_out.values()) == 60


def test_a_killed_scoring_goes_on_to_the_same_rows(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncertain, "PART", 16)
    whole, _ = open_labels(ask)
    again, scored = replace(ask, out=tmp_path / "again"), list[int]()
    predict = PromptClassifier.predict_log_proba

    def die(self: PromptClassifier, rows: Any) -> Any:
        scored.append(len(rows))
        if len(scored) == 3:
            raise KeyboardInterrupt
        return predict(self, rows)

    monkeypatch.setattr(PromptClassifier, "predict_log_proba", die)
    with pytest.raises(KeyboardInterrupt):
        open_labels(again)
    assert again.out is not None and not (again.out / "settings.json").exists()
    session, pool = open_labels(again)
    assert sum(scored) == len(pool.examples) + 16  # the part that was lost
    assert session.items == whole.items and not list(again.out.glob("scores-*"))


def test_the_same_call_goes_on_and_another_is_refused(ask: Ask, tmp_path: Path) -> None:
    session, _ = open_labels(ask)
    session.ratings.append(Answer("a1", "ann", session.items[0].id, {"label": "same"}))
    session.ratings.close()
    assert len(open_labels(ask)[0].ratings.read()) == 1
    assert ask.out is not None and open_session([str(ask.out)], Begin()).kind == "labels"
    with pytest.raises(ConfigError, match="rows 6 -> 7"):
        open_labels(replace(ask, rows=7))
    more = write_rows(tmp_path / "more.jsonl", make_pairs(20, seed=9))
    with pytest.raises(ConfigError, match=r"pool\.rows 60 -> 20"):
        open_labels(replace(ask, pool=str(more)))
    with pytest.raises(ConfigError, match="--rows 9: expected at most as many as are scored, 8"):
        open_labels(replace(ask, rows=9, score=8))


def test_a_pool_smaller_than_wanted_gives_all_its_rows(ask: Ask) -> None:
    session, pool = open_labels(replace(ask, rows=100))
    assert sorted(item.row for item in session.items) == sorted(pool.numbers)


def test_the_form_shows_neither_guess_nor_margin_and_takes_labels_of_the_task_only(ask: Ask) -> None:
    session, _ = open_labels(ask)
    client = TestClient(make_app(session), base_url="http://127.0.0.1:8765")
    about = client.get("/api/about").json()
    assert about["kind"] == "labels" and sorted(about["questions"][0]["values"]) == sorted(LABELS)
    shown = client.get("/api/items", params={"annotator": "ann"}).json()["items"]
    assert [sorted(item) for item in shown] == [["id", "label", "nearest", "text1", "text2"]] * 6
    assert all(item["label"] == "" and item["nearest"] is None for item in shown)
    sent = {"id": "a1", "session": session.key, "annotator": "ann", "item": shown[0]["id"], "seconds": 1}
    assert client.post("/api/answers", json=sent | {"ratings": {"label": "same"}}).json() == {"new": True}
    assert client.post("/api/answers", json=sent | {"id": "a2", "ratings": {"label": "yes"}}).status_code == 422
    assert client.post("/api/answers", json=sent | {"id": "a3", "ratings": {"fluency": 4}}).status_code == 422
    assert client.post("/api/answers", json=sent | {"id": "a4", "ratings": {}}).status_code == 200  # none of these
    session.ratings.close()
    assert Session.open(session.folder).ratings.read()["ann", shown[0]["id"]].ratings == {}


def test_what_the_prompt_says_is_kept_beside_the_rows_and_checked(ask: Ask) -> None:
    session, _ = open_labels(ask)
    guesses = read_guesses(session)
    assert set(guesses) == {item.id for item in session.items}
    assert all(label in LABELS and 0 <= margin <= 1 for label, margin in guesses.values())
    (session.folder / "chosen.jsonl").write_text(json.dumps({"item": 1}))
    with pytest.raises(DataError, match=r"chosen\.jsonl: expected what the prompt says"):
        read_guesses(session)
