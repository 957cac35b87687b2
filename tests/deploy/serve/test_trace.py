"""What ties a request to its sender's logs: ids and traces are kept where they are fit for a log."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from dawgen.deploy.serve.client import Client, ServiceError
from dawgen.deploy.serve.faults import REFUSALS, explain
from dawgen.deploy.serve.logs import RequestLog
from dawgen.deploy.serve.server import LoadingApp
from dawgen.deploy.serve.settings import ServeSettings
from dawgen.deploy.serve.trace import is_id, is_trace
from dawgen.errors import ConfigError
from support.calls import Call
from support.services import PAIR, open_service, serve_app
from support.targets import make_backbone

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IDS = (
    "7",
    "c0ffee00-1234-4abc-8def-001122334455",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "Root=1-67891233-abcdef012345678912345678;Sampled=1",
    "host/7:req+1@edge",
    "x" * 128,
)
NO_IDS = ("", "x" * 129, "a b", 'a"b', "a\\b", "-a", "é", "a,b", "<a>", "a\tb", "%0a", "${jndi:ldap://x}", "a'b")
TRACES = (TRACE, f"01-{TRACE[3:]}", f"cc-{TRACE[3:]}-more")
NO_TRACES = (
    "",
    TRACE[:-1],
    TRACE + "-more",
    TRACE.upper(),
    f"ff-{TRACE[3:]}",
    f"00-{'0' * 32}-00f067aa0ba902b7-01",
    f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    TRACE.replace("-", "_"),
    f" {TRACE} x",
    f"cc-{TRACE[3:]}-{'m' * 100}",
)


@pytest.fixture
def service(bundles: Path) -> Iterator[SimpleNamespace]:
    with open_service(make_backbone(), bundles, ServeSettings(max_inputs=2)) as service:
        yield service


@pytest.mark.parametrize("text", IDS)
def test_ids_as_proxies_and_programs_make_them_are_kept(text: str) -> None:
    assert is_id(text)
    assert RequestLog.begin("GET", "/", {"x-request-id": text}).describe()["request"] == text


@pytest.mark.parametrize("text", NO_IDS)
def test_what_would_not_be_safe_in_a_log_gets_a_new_id(text: str) -> None:
    assert not is_id(text)
    log = RequestLog.begin("GET", "/", {"x-request-id": text})
    assert log.id != text and is_id(log.id)


@pytest.mark.parametrize("text", TRACES)
def test_a_trace_is_kept(text: str) -> None:
    assert is_trace(text)
    assert RequestLog.begin("GET", "/", {"traceparent": text}).describe()["trace"] == text


@pytest.mark.parametrize("text", NO_TRACES)
def test_a_trace_that_is_none_is_left_out(text: str) -> None:
    assert not is_trace(text)
    assert "trace" not in RequestLog.begin("GET", "/", {"traceparent": text}).describe()


@given(st.text())
def test_an_id_is_one_word_of_plain_signs(text: str) -> None:
    if is_id(text):
        assert text.isascii() and text.isprintable() and not set(text) & set(" \"'\\<>{}$%,")


def test_the_answer_and_the_log_have_what_the_request_brought(
    service: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dawgen.serve")
    client = TestClient(service.app, base_url="http://localhost")
    sent = {"X-Request-Id": "mine-7", "traceparent": TRACE}
    good = {"prompt": "pairs", "inputs": [PAIR]}
    for call in (
        lambda: client.post("/v1/classify", json=good, headers=sent),
        lambda: client.post("/v1/classify", json={"prompt": "none", "inputs": [PAIR]}, headers=sent),
        lambda: client.post("/v1/classify", content=b"{", headers=sent),
        lambda: client.get("/healthz", headers=sent),
        lambda: client.get("/nowhere", headers=sent),
        lambda: client.get("/healthz", headers=sent | {"Host": "evil.example"}),
    ):
        caplog.clear()
        found = call()
        assert (found.headers["x-request-id"], found.headers["traceparent"]) == ("mine-7", TRACE)
        (facts,) = [record.facts for record in caplog.records if record.message == "request"]  # type: ignore[attr-defined]
        assert (facts["request"], facts["trace"]) == ("mine-7", TRACE)
    found = client.get("/healthz", headers={"X-Request-Id": "a b", "traceparent": "x"})
    assert is_id(found.headers["x-request-id"]) and "traceparent" not in found.headers


def test_a_service_that_loads_returns_the_id(service: SimpleNamespace) -> None:
    async def send() -> None:
        call = await Call(LoadingApp(), "POST", "/v1/classify", b"{}", {"x-request-id": "mine-7"}).end()
        assert (call.status, call.headers["x-request-id"]) == (503, "mine-7")
        call = await Call(LoadingApp(), "POST", "/v1/classify", b"{}", {"x-request-id": "a b"}).end()
        assert (call.status, "x-request-id" in call.headers) == (503, False)

    asyncio.run(send())


def test_the_client_passes_them_on(service: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dawgen.serve")
    with serve_app(service.app) as link:
        client = Client(link)
        inside = client.within(request_id="mine-7", traceparent=TRACE)
        inside.classify("pairs", [(PAIR["text1"], PAIR["text2"])])
        with pytest.raises(ServiceError, match="Unknown prompt") as refused:
            inside.within(request_id="mine-8").classify("none", [(PAIR["text1"], PAIR["text2"])])
        client.prompts()
    assert (refused.value.status, refused.value.request_id) == (404, "mine-8")
    found = [record.facts for record in caplog.records if record.message == "request"]  # type: ignore[attr-defined]
    assert [(facts["request"], facts.get("trace")) for facts in found[:2]] == [("mine-7", TRACE), ("mine-8", TRACE)]
    assert found[2]["request"] not in ("mine-7", "mine-8") and "trace" not in found[2]


@pytest.mark.parametrize("given", [{"request_id": "a\r\nX-Evil: 1"}, {"request_id": ""}, {"traceparent": "00-1-2-3"}])
def test_the_client_refuses_what_the_service_would_not_keep(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(given))}: expected"):
        Client().within(**given)


@pytest.mark.parametrize("kind", [kind for kind in REFUSALS if kind.__name__ != "QueueFullError"])
def test_no_refusal_is_without_words(kind: type[Exception]) -> None:
    assert len(explain(kind()).detail) > 20
    assert json.dumps(explain(kind("a reason")).detail) == '"A reason."'
