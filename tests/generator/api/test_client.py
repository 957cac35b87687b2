import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from dawgen.config import GeneratorConfig
from dawgen.errors import ConfigError, DawgenError, ServerError
from dawgen.generator.api.client import Client, RefusedError, find_key, read_wait
from support.model_server import ModelServer, drip, fail, hang, reset, run_server

pytest.importorskip("tenacity", reason='needs pip install "dawgen[api]"')
KEY = "sk-canary-0123456789"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5, "seed": 3, "temperature": 1}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with run_server(answer=lambda body: "good") as found:
        yield found


def ask(server: ModelServer, **settings: Any) -> str:
    values = {"kind": "api", "model": "m", "url": server.url, "pause": 0.001, "tries": 4, "timeout": 2.0} | settings
    client = Client(GeneratorConfig.model_validate(values))
    try:
        found: str = client.ask("chat/completions", BODY, lambda reply: reply["choices"][0]["message"]["content"])
        return found
    finally:
        client.close()


@pytest.mark.parametrize(
    "fault",
    [
        fail(500),
        fail(502, b"<html><body>Bad gateway</body></html>"),
        fail(503, {"error": {"message": "overloaded"}}),
        fail(429, {"error": {"message": "slow down"}}),
        fail(429, b"", Retry_After="0"),
        fail(408),
        reset,
        fail(200, b"<!DOCTYPE html><html>a login page</html>"),
        fail(200, b"\xff\xfe not utf-8"),
        fail(200, b""),
        fail(200, b"[" * 5000),
    ],
)
def test_what_may_pass_is_tried_again(server: ModelServer, fault: Any) -> None:
    server.faults = [fault, fault]
    assert ask(server) == "good"
    assert len(server.requests) == 3 and server.requests[0] == server.requests[2]


@pytest.mark.parametrize("fault", [hang(0.8), drip(0.05, 100)], ids=["hang", "drip"])
def test_an_answer_that_does_not_come_in_time_is_given_up(server: ModelServer, fault: Any) -> None:
    server.faults, began = [fault], time.monotonic()
    assert ask(server, timeout=0.3) == "good"
    assert time.monotonic() - began < 2.0


def test_an_answer_without_end_is_not_read_to_its_end(server: ModelServer) -> None:
    server.faults = [fail(200, b" " * (2**20 + 10))]
    assert ask(server) == "good"


def test_a_server_is_given_the_time_that_it_asks_for(server: ModelServer) -> None:
    server.faults, began = [fail(429, b"", Retry_After="1")], time.monotonic()
    assert ask(server) == "good"
    assert time.monotonic() - began >= 1.0


def test_retry_after_may_be_seconds_or_a_date_or_nonsense() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    date = format_datetime(now + timedelta(seconds=30), usegmt=True)
    stamps = [read_wait(value, now.timestamp()) for value in ("7", "2.5", date, None, "", "soon", "-3", "nan")]
    assert stamps == [7.0, 2.5, 30.0, 0.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (fail(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}), ConfigError, "DAWGEN_API_KEY"),
        (fail(403), ConfigError, "DAWGEN_API_KEY"),
        (fail(404, {"error": {"message": "no model m"}}), ConfigError, "generator.model"),
        (fail(400, {"error": {"message": f"bad body, key {KEY}"}}), ServerError, "bad body"),
        (fail(402, {"error": {"message": "pay"}}), ServerError, "credit"),
        (fail(429, {"error": {"code": "insufficient_quota", "message": "none left"}}), ServerError, "credit"),
        (fail(429, b"", Retry_After="90000"), ServerError, "wait"),
        (fail(301, b"", Location="https://elsewhere.example/v1"), ServerError, "moved"),
    ],
)
def test_what_stays_wrong_is_not_tried_again(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, fault: Any, kind: type[DawgenError], said: str
) -> None:
    monkeypatch.setenv("DAWGEN_API_KEY", KEY)
    server.faults = [fault] * 5
    with pytest.raises(kind, match=said) as caught:
        ask(server)
    assert len(server.requests) == 1
    assert KEY not in str(caught.value)
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"


def test_a_server_that_never_answers_well_is_given_up_with_the_last_reason(server: ModelServer) -> None:
    server.faults = [fail(500, {"error": {"message": "out of memory"}})] * 9
    with pytest.raises(ServerError, match="4 tries.*out of memory"):
        ask(server)
    assert len(server.requests) == 4


def test_no_server_at_all_is_said_with_its_address() -> None:
    with pytest.raises(ServerError, match="127.0.0.1:9.*no connection"):
        ask(ModelServer(url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": {"code": "content_filter", "message": "policy"}}, "content_filter"),
        ({"error": {"message": "This model's maximum context length is 5 tokens"}}, "too_long"),
    ],
)
def test_a_request_that_is_declined_is_no_failure_of_the_server(server: ModelServer, said: Any, kind: str) -> None:
    server.faults = [fail(400, said)]
    with pytest.raises(RefusedError, match=kind):
        ask(server)


def test_parameters_that_a_server_does_not_know_are_left_out_or_renamed(server: ModelServer) -> None:
    server.faults = [
        fail(422, {"detail": "Unexpected fields in the request: {'seed'}"}),
        fail(400, {"error": {"message": "Unsupported parameter: 'max_tokens'"}}),
    ]
    assert ask(server) == "good"
    last = server.requests[-1]
    assert "seed" not in last and "max_tokens" not in last and last["max_completion_tokens"] == 5
    assert last["temperature"] == 1


def test_retries_end_when_they_are_stopped(server: ModelServer) -> None:
    server.faults, stop = [fail(500)] * 9, threading.Event()
    client = Client(GeneratorConfig(kind="api", model="m", url=server.url, pause=30, tries=9))
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with pytest.raises(ServerError):
        client.ask("chat/completions", BODY, lambda reply: reply, stop)
    assert time.monotonic() - began < 10
    client.close()


def test_the_key_goes_where_it_was_meant_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAWGEN_API_KEY", "OTHER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def find(url: str, **settings: Any) -> str:
        return find_key(GeneratorConfig(kind="api", model="m", url=url, **settings))

    assert find("http://localhost:8000/v1") == "" and find("https://openai.com.example/v1") == ""
    assert find("https://api.openai.com/v1") == KEY
    with pytest.raises(ConfigError, match="OTHER_KEY"):
        find("https://api.example.com/v1", key_env="OTHER_KEY")
    monkeypatch.setenv("OTHER_KEY", f" {KEY}\n")
    assert find("https://api.example.com/v1", key_env="OTHER_KEY") == KEY
    monkeypatch.setenv("OTHER_KEY", "two\nlines")
    with pytest.raises(ConfigError) as caught:
        find("https://api.example.com/v1", key_env="OTHER_KEY")
    assert "lines" not in str(caught.value)


def test_a_key_over_plain_http_to_another_machine_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAWGEN_API_KEY", KEY)
    client = Client(GeneratorConfig(kind="api", model="m", url="http://models.example/v1"))
    assert "https" in client.warnings[0] and KEY not in client.warnings[0]
    client.close()
