"""Requests drawn from the service's own OpenAPI, right and wrong ones: no 500, and every answer is as described."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
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

from dawgen.deploy.serve.settings import ServeSettings
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
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
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
