"""The form's server: what it tells, what it stores, whom it refuses."""

import errno
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from dawgen.errors import ConfigError
from dawgen.evaluate.annotate import server
from dawgen.evaluate.annotate.guard import find_fault
from dawgen.evaluate.annotate.serve import keep_key, make_link
from dawgen.evaluate.annotate.server import PACKAGE, make_app
from dawgen.evaluate.annotate.session import Session
from dawgen.web import list_static, read_static
from support.forms import make_session
from support.pages import check_self_contained

HERE = "http://127.0.0.1:8765"
RATINGS = {"relevance": 4, "fluency": 5, "label": "yes", "novelty": 2}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return make_session(tmp_path / "session")


@pytest.fixture
def client(session: Session) -> TestClient:
    return TestClient(make_app(session), base_url=HERE)


def answer(session: Session, number: str = "a1", place: int = 0, /, **changes: Any) -> dict[str, Any]:
    item = session.items[place].id
    fields = {"id": number, "session": session.key, "annotator": "ann", "item": item, "ratings": RATINGS, "seconds": 2}
    return fields | changes


def test_the_page_and_its_files_are_served_with_a_policy_that_lets_nothing_else_in(client: TestClient) -> None:
    for name in ["", *list_static(PACKAGE)]:
        found = client.get(f"/{name}")
        assert found.status_code == 200, name
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert "unsafe" not in found.headers["content-security-policy"]
        assert b"http:" not in found.content.replace(b"http://www.w3.org", b"") and b"https:" not in found.content
    assert client.get("/page.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/nothing.js").status_code == 404
    assert client.get("/../settings.json").status_code == 404
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


def test_the_page_is_well_formed_and_its_scripts_are_all_there() -> None:
    page = read_static(PACKAGE, "page.html").decode()
    bare = page.replace(' src="page.js"', "").replace(' href="data:,"', "").replace(' href="style.css"', "")
    check_self_contained(bare.replace("<input", "<meta").replace("<link", "<meta"))
    for name in list_static(PACKAGE):
        for line in read_static(PACKAGE, name).decode().splitlines():
            if line.startswith("import "):
                assert line.partition('"./')[2].rstrip('";') in list_static(PACKAGE)


def test_annotators_see_no_sources(client: TestClient, session: Session) -> None:
    said = client.get("/api/about").text + client.get("/api/items", params={"annotator": "ann"}).text
    assert not any(word in said for word in ('"source"', '"fault"', "control", "ours", "wrong_label"))
    found = client.get("/api/items", params={"annotator": "ann"}).json()
    assert sorted(item["id"] for item in found["items"]) == sorted(item.id for item in session.items)
    assert set(found["items"][0]) == {"id", "text1", "text2", "label", "nearest"}


def test_instructions_and_examples_that_are_not_rated_come_first(client: TestClient, session: Session) -> None:
    about = client.get("/api/about").json()
    assert about["instructions"].startswith("Rate what is written.")
    assert [row["label"] for row in about["examples"]] == list(session.labels)
    shown = {text for item in session.items for text in (item.text1, item.text2)}
    assert not shown & {row[name] for row in about["examples"] for name in ("text1", "text2")}


def test_answers_are_on_the_disk_before_they_are_acknowledged_and_count_once(
    client: TestClient, session: Session
) -> None:
    first = client.post("/api/answers", json=answer(session))
    again = client.post("/api/answers", json=answer(session))
    assert (first.json(), again.json()) == ({"new": True}, {"new": False})
    rows = [json.loads(line) for line in (session.folder / "ratings.jsonl").read_text().splitlines()]
    assert [(row["id"], row["ratings"]) for row in rows] == [("a1", RATINGS)]
    back = client.get("/api/items", params={"annotator": " Ann "}).json()
    assert back["annotator"] == "ann"
    assert back["answers"] == [
        {"kind": "answer", **{key: value for key, value in answer(session).items() if key != "session"}}
    ]


def test_an_undo_takes_back_the_answer_that_it_names_and_a_late_copy_of_the_answer_stays_undone(
    client: TestClient, session: Session
) -> None:
    for number, place in (("a1", 0), ("a2", 1)):
        client.post("/api/answers", json=answer(session, number, place))
    undo = {"id": "u1", "session": session.key, "annotator": "ann", "answer": "a1"}
    assert client.post("/api/undo", json=undo).json() == {"undone": True}
    client.post("/api/undo", json=undo)
    client.post("/api/answers", json=answer(session, "a1", 0))
    assert client.post("/api/undo", json=undo | {"id": "u2", "answer": "never"}).json() == {"undone": False}
    assert [a["id"] for a in client.get("/api/items", params={"annotator": "ann"}).json()["answers"]] == ["a2"]


def test_many_at_once_lose_nothing(client: TestClient, session: Session) -> None:
    def rate(name: str) -> None:
        for place in range(len(session.items)):
            for _ in range(2):
                fields = answer(session, f"{name}-{place}", place, annotator=name)
                assert client.post("/api/answers", json=fields).status_code == 200

    threads = [threading.Thread(target=rate, args=(name,)) for name in ("ann", "bob", "cat", "dan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.ratings.close()
    assert len(Session.open(session.folder).ratings.read()) == 4 * len(session.items)
    assert len((session.folder / "ratings.jsonl").read_text().splitlines()) == 4 * len(session.items)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ratings": {"fluency": 6}}, "expected fluency to be one of"),
        ({"ratings": {"charm": 1}}, "unknown question 'charm'"),
        ({"item": "nowhere"}, "no item 'nowhere'"),
        ({"annotator": " "}, "annotator"),
        ({"seconds": -1}, "seconds"),
        ({"id": ""}, "id"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_answer_is_refused_for_good(
    client: TestClient, session: Session, changes: dict[str, Any], said: str
) -> None:
    refused = client.post("/api/answers", json=answer(session, **changes))
    assert refused.status_code == 422 and said in refused.json()["detail"]
    assert not session.ratings.read()


def test_what_may_succeed_later_is_told_apart(
    client: TestClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = client.post("/api/answers", json=answer(session, session="another"))
    assert other.status_code == 409
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail_with(errno.ENOSPC))
        no_space = client.post("/api/answers", json=answer(session))
    assert no_space.status_code == 503 and "No space left" in no_space.json()["detail"]
    assert client.post("/api/answers", json=answer(session)).json() == {"new": True}
    assert len((session.folder / "ratings.jsonl").read_text().splitlines()) == 1


def fail_with(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_pages_of_others_and_names_of_others_are_refused(client: TestClient, session: Session) -> None:
    def post(**headers: str) -> int:
        return client.post("/api/answers", json=answer(session), headers=headers).status_code

    assert client.get("/api/about", headers={"Host": "evil.example:8765"}).status_code == 403
    assert client.get("/", headers={"Host": "127.0.0.1.evil.example"}).status_code == 403
    assert post(Host="evil.example:8765", Origin="http://evil.example:8765") == 403
    assert post(Origin="http://evil.example") == 403
    assert post(Origin="null") == 403
    assert post(Origin="http://127.0.0.1:9999") == 403
    plain = client.post("/api/answers", content=json.dumps(answer(session)), headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415  # what a form of another page can send without being asked
    assert client.post("/api/answers", json=answer(session, id="x" * 20_000)).status_code == 413
    assert client.post("/api/answers", content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    assert not session.ratings.read()
    assert post(Origin=HERE) == 200


def test_elsewhere_only_the_link_with_the_key_opens_the_form(session: Session) -> None:
    client = TestClient(make_app(session, key="right"), base_url="http://rating.example:8765", follow_redirects=False)
    for path in ("/", "/api/about", "/?key=wrong", "/page.js?key=right"):
        assert client.get(path).status_code == 403, path
    opened = client.get("/?key=right")
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert "HttpOnly" in opened.headers["set-cookie"] and "SameSite=strict" in opened.headers["set-cookie"]
    assert client.get("/api/about").status_code == 200
    assert client.post("/api/answers", json=answer(session)).json() == {"new": True}


def test_the_key_is_drawn_once_and_only_where_others_can_connect(tmp_path: Path) -> None:
    assert keep_key(tmp_path, "127.0.0.1") is None and keep_key(tmp_path, "::1") is None
    assert not list(tmp_path.iterdir())
    key = keep_key(tmp_path, "0.0.0.0")
    assert key is not None and len(key) >= 20 and keep_key(tmp_path, "0.0.0.0") == key
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert make_link("0.0.0.0", 80, key) == f"http://{socket.gethostname()}:80/?key={key}"
    assert make_link("::1", 80, None) == "http://[::1]:80/"


@pytest.mark.parametrize(
    ("host", "own"),
    [("localhost", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), ("localhost.evil.example", False)],
)
def test_only_loopback_names_are_answered_without_a_key(host: str, own: bool) -> None:
    shown = f"[{host}]:80" if ":" in host else f"{host}:80"
    assert (find_fault("GET", {"host": shown}, None, None) is None) is own


@pytest.mark.parametrize("host", ["", ":", "[", "[::1", "127.0.0.1@evil.example", "evil.example#@127.0.0.1"])
def test_damaged_names_are_refused(host: str) -> None:
    assert find_fault("GET", {"host": host}, None, None) is not None


def test_without_the_extra_the_error_says_what_to_install(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    with pytest.raises(ConfigError, match=r'pip install "dawgen\[web\]"'):
        server.make_app(session)
