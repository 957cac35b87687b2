"""The Python client against a server that answers from a script: what it sends, when it asks again, what it says."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dawgen.deploy.serve import client as module
from dawgen.deploy.serve.client import Answer, Client, Prompt, ServiceError
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example

ROW = {"label": "yes", "probabilities": {"yes": 0.75, "no": 0.25}, "cut": False}
PROMPT = {
    "name": "a",
    "task": "t",
    "labels": ["yes", "no"],
    "pair": True,
    "length": 5,
    "bytes": 640,
    "digest": "ab" * 32,
}


@dataclass
class Script:
    """Answers to give in turn, (status, headers, body), and the requests that came: (method, path, headers, body)."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.asked.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
            status, headers, said = script.answers.pop(0)
            data = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


def test_texts_pairs_and_examples_go_out_and_answers_come_back_in_order(script: Script) -> None:
    other = ROW | {"label": "no", "cut": True}
    script.answers = [(200, {}, {"prompt": "a", "digest": "", "results": [ROW, other, ROW]})]
    found = Client(script.url + "/", token="secret").classify("a", ["x", ("y", "z"), Example("v", "w", "yes")])
    assert found == [
        Answer("yes", {"yes": 0.75, "no": 0.25}, False),
        Answer("no", {"yes": 0.75, "no": 0.25}, True),
        Answer("yes", {"yes": 0.75, "no": 0.25}, False),
    ]
    method, path, headers, body = script.asked[0]
    assert (method, path, headers["Authorization"]) == ("POST", "/v1/classify", "Bearer secret")
    inputs = ["x", {"text1": "y", "text2": "z"}, {"text1": "v", "text2": "w"}]
    assert body == {"prompt": "a", "inputs": inputs}


def test_long_lists_are_sent_in_parts(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_INPUTS", 2)
    script.answers = [(200, {}, {"results": [ROW, ROW]}), (200, {}, {"results": [ROW | {"label": "no"}]})]
    assert [answer.label for answer in Client(script.url).classify("a", ["x", "y", "z"])] == ["yes", "yes", "no"]
    assert [body["inputs"] for _, _, _, body in script.asked] == [["x", "y"], ["z"]]
    assert Client(script.url).classify("a", []) == []
    assert len(script.asked) == 2


def test_prompts_are_listed_added_and_removed(script: Script) -> None:
    prompt = Prompt("a", "t", ("yes", "no"), True, 5, 640, "ab" * 32)
    script.answers = [(200, {}, {"base": {}, "prompts": [PROMPT]}), (201, {}, PROMPT), (204, {}, None)]
    client = Client(script.url)
    assert client.prompts() == [prompt]
    assert client.add("folder", digest="cd") == prompt
    client.remove("a/../b")
    assert [asked[:2] for asked in script.asked] == [
        ("GET", "/v1/prompts"),
        ("POST", "/v1/prompts"),
        ("DELETE", "/v1/prompts/a%2F..%2Fb"),
    ]
    assert script.asked[1][3] == {"folder": "folder", "name": None, "digest": "cd"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_when_it_says(
    script: Script, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    pauses = list[float]()
    monkeypatch.setattr(time, "sleep", pauses.append)
    busy = {"detail": "The queue is full."}
    script.answers = [(status, {"Retry-After": "3"}, busy), (status, {}, busy), (200, {}, {"results": [ROW]})]
    assert Client(script.url).classify("a", ["x"])[0].label == "yes"
    assert pauses == [3.0, 1.0]


def test_a_service_that_is_busy_for_longer_than_the_timeout_is_given_up(script: Script) -> None:
    script.answers = [(429, {"Retry-After": "60"}, {"detail": "The queue is full."})]
    began = time.monotonic()
    with pytest.raises(ServiceError, match="The queue is full") as caught:
        Client(script.url, timeout=5).classify("a", ["x"])
    assert caught.value.status == 429 and time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, {"detail": "No prompt 'a'."}, "No prompt 'a'."),
        (401, {"detail": "Wrong token."}, "Wrong token."),
        (500, b"<html>", "the answer is 500"),
        (422, {"detail": [{"msg": "x"}]}, "the answer is 422"),
        (200, b"<html>", "expected a service of dawgen"),
        (200, {"models": []}, "expected a service of dawgen"),
        (200, b"", "expected a service of dawgen"),
    ],
)
def test_refusals_are_told_in_the_words_of_the_service(script: Script, status: int, body: Any, said: str) -> None:
    script.answers = [(status, {}, body)]
    with pytest.raises(ServiceError, match=said) as caught:
        Client(script.url).prompts()
    assert caught.value.status == (None if status == 200 else status)


def test_the_token_follows_no_redirection(script: Script) -> None:
    script.answers = [(307, {"Location": f"{script.url}/elsewhere"}, None), (200, {}, {"prompts": []})]
    with pytest.raises(ServiceError) as caught:
        Client(script.url, token="secret").prompts()
    assert caught.value.status == 307 and len(script.asked) == 1


@pytest.mark.parametrize("token", ["", "a\n", "a b", "ä"])
def test_tokens_that_no_header_can_hold_are_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="token: expected printable"):
        Client(token=token)


def test_proxies_of_the_system_are_left_out_on_this_machine(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    script.answers = [(200, {}, {"prompts": []})]
    assert Client(script.url).prompts() == []


def test_no_service_at_all_is_an_error_of_its_own() -> None:
    with pytest.raises(ServiceError, match="http://127.0.0.1:9: expected a service that answers") as caught:
        Client("http://127.0.0.1:9").prompts()
    assert caught.value.status is None


@pytest.mark.parametrize("url", ["127.0.0.1:8400", "ftp://x", "http://", "http://[", "file:///etc/passwd"])
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="expected the address of a service"):
        Client(url)


@pytest.mark.parametrize("items", ["text", [1], [("a",)], [("a", 2)], [None]])
def test_items_that_are_no_texts_are_refused_before_anything_is_sent(items: Any) -> None:
    with pytest.raises(DataError, match="items: expected"):
        Client("http://127.0.0.1:9").classify("a", items)


def test_several_prompts_are_asked_together_in_as_few_requests_as_the_service_takes(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 4)
    answers = {"answers": [{"prompt": name, "digest": "", "results": [ROW, ROW]} for name in ("a", "b")]}
    last = {"answers": [{"prompt": name, "digest": "", "results": [ROW]} for name in ("a", "b")]}
    script.answers = [(200, {}, answers), (200, {}, last)]
    found = Client(script.url).classify_all(["a", "b"], ["one", "two", ("three", "four")])
    assert found == {name: [Answer("yes", {"yes": 0.75, "no": 0.25})] * 3 for name in ("a", "b")}
    assert [body for *_, body in script.asked] == [
        {"prompts": ["a", "b"], "inputs": ["one", "two"]},
        {"prompts": ["a", "b"], "inputs": [{"text1": "three", "text2": "four"}]},
    ]
    with pytest.raises(DataError, match="Put it into a list"):
        Client(script.url).classify_all(["a"], "one")
