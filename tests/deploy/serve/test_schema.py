"""Requests drawn from the service's own OpenAPI, right and wrong ones: no 500, and every answer is as described."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from dawgen.deploy.serve.settings import ServeSettings
from dawgen.deploy.serve.trace import is_id
from support.fuzz import draw, is_long
from support.services import open_service
from support.targets import make_backbone

TOKEN = "a-token-of-some-length"
WITH_BODY = (("POST", "/v1/classify"), ("POST", "/v1/prompts"))
PROBES = tuple(("GET", path) for path in ("/healthz", "/metrics", "/readyz", "/v1/prompts"))
OPERATIONS = (*PROBES, *WITH_BODY, ("DELETE", "/v1/prompts/{name}"))  # what was added is removed
PAIR = {"text1": "a dog is sleeping", "text2": "somebody is awake"}
KNOWN: dict[tuple[str, str], list[dict[str, Any]]] = {  # what no drawn text would name: parts of a right request
    ("POST", "/v1/classify"): [{"body": {"prompt": "pairs", "inputs": [PAIR]}}, {"body": {"prompt": "again"}}],
    ("POST", "/v1/prompts"): [{"body": {"folder": folder, "name": "again"}} for folder in ("topics", "../elsewhere")],
    ("DELETE", "/v1/prompts/{name}"): [{"path_parameters": {"name": "again"}}],
}
EXAMPLES = 60  # of each operation, right and wrong
CONFORM = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Fuzzer:
    """Calls the operations of an app with drawn requests, and counts the answers by operation and status."""

    def __init__(self, app: Any, token: str | None) -> None:
        self.schema = schemathesis.openapi.from_dict(app.openapi())
        self.schema.app = app
        self.headers = {"Host": "localhost"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        self.seen: Counter[tuple[str, str, int]] = Counter()

    def call(self, method: str, path: str, mode: GenerationMode) -> None:
        operation = self.schema[path][method]
        known = [{}, *KNOWN.get((method, path), [])] if mode is GenerationMode.POSITIVE else [{}]
        checks = CONFORM if mode is GenerationMode.POSITIVE else [*CONFORM, negative_data_rejection]

        @settings(
            parent=draw(EXAMPLES), database=None, derandomize=not is_long(), suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=st.sampled_from(known))
        def send(case: Any, known: dict[str, Any]) -> None:
            for part, fields in known.items():
                setattr(case, part, getattr(case, part) | fields)
            response = case.call_and_validate(headers=self.headers, checks=checks)
            self.seen[method, path, response.status_code] += 1

        send()


@pytest.fixture(params=[None, TOKEN], ids=["open", "token"])
def service(request: pytest.FixtureRequest, bundles: Path) -> Iterator[tuple[Any, str | None]]:
    token = request.param
    given = ServeSettings(token=None if token is None else SecretStr(token))
    with open_service(make_backbone(), bundles, given) as service:
        yield service.app, token


def test_nothing_that_the_description_allows_or_forbids_makes_the_service_fail(
    service: tuple[Any, str | None],
) -> None:
    fuzzer = Fuzzer(*service)
    for operation in OPERATIONS:
        fuzzer.call(*operation, GenerationMode.POSITIVE)
        if operation in WITH_BODY:
            fuzzer.call(*operation, GenerationMode.NEGATIVE)
    seen = set(fuzzer.seen)
    for status in (200, 404, 422):
        assert ("POST", "/v1/classify", status) in seen, fuzzer.seen
    for status in (201, 403, 409, 422):
        assert ("POST", "/v1/prompts", status) in seen, fuzzer.seen
    for status in (204, 404):
        assert ("DELETE", "/v1/prompts/{name}", status) in seen, fuzzer.seen


def test_the_description_has_these_operations_and_is_closed_without_the_token(
    service: tuple[Any, str | None],
) -> None:
    app, token = service
    paths = app.openapi()["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == set(OPERATIONS)
    if token is not None:
        fuzzer = Fuzzer(app, "another-token-of-some-length")
        for method, path in OPERATIONS:
            fuzzer.call(method, path, GenerationMode.POSITIVE)
        guarded = {status for (_, path, status) in fuzzer.seen if path.startswith(("/v1/", "/metrics"))}
        assert guarded == {401}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
QUESTION = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.sampled_from(["pairs", "topics", ""]) | JSON,
        "prompts": st.lists(st.sampled_from(["pairs", "topics"]), max_size=3) | JSON,
        "inputs": st.lists(
            st.just(PAIR) | st.text(max_size=9) | st.fixed_dictionaries({"text1": JSON, "text2": JSON}) | JSON
        ),
        "folder": st.sampled_from(["topics", "..", "/", "a\0b", "x" * 999]) | JSON,
        "name": JSON,
        "more": JSON,
    },
)
BODIES = st.one_of(st.binary(max_size=40), (QUESTION | JSON).map(lambda value: json.dumps(value).encode("utf-8")))
FIELD = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        name: FIELD.map(lambda text: text.encode("latin-1").strip())
        for name in ("X-Request-Id", "traceparent", "Content-Type", "Origin", "Accept", "Authorization", "Cookie")
    },
)
ADDRESSES = st.sampled_from([path for _, path in OPERATIONS] + ["/", "/docs", "/nowhere", "/v1/", "/v1/prompts/a%00b"])
METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH"])


def test_any_request_has_an_answer_in_json_and_none_is_a_fault_of_the_service(bundles: Path) -> None:
    with open_service(make_backbone(), bundles, ServeSettings(max_body=2000)) as service:
        client = TestClient(service.app, base_url="http://localhost")

        @settings(parent=draw(150), database=None, suppress_health_check=list(HealthCheck))
        @given(method=METHODS, path=ADDRESSES, body=BODIES, headers=HEADERS)
        @example(method="POST", path="/v1/classify", body=b"[" * 1500, headers={})
        @example(method="POST", path="/v1/classify", body=b'{"inputs": [1e999], "prompt": NaN}', headers={})
        @example(method="POST", path="/v1/classify", body=b'{"prompt": "\\ud800", "inputs": ["\\udfff"]}', headers={})
        def send(method: str, path: str, body: bytes, headers: dict[str, bytes]) -> None:
            found = client.request(method, path, content=body, headers={"Content-Type": b"application/json"} | headers)
            assert found.status_code < 500, found.text
            assert is_id(found.headers["x-request-id"])
            if found.status_code >= 400 and method != "HEAD":
                detail = found.json()["detail"]
                assert set(found.json()) == {"detail"} and len(detail) > 10 and detail[-1] in ".?!"

        send()
        assert client.post("/v1/classify", json={"prompt": "pairs", "inputs": [PAIR]}).status_code == 200
