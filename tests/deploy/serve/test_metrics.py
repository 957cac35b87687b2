"""What the service counts: right numbers, and no more series than there are prompts and routes."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dawgen.deploy.serve.metrics import OTHER, REMOVED, name_method, name_route
from support.services import PAIR, TEXT, open_service
from support.targets import make_backbone


@pytest.fixture
def service(bundles: Path) -> Iterator[SimpleNamespace]:
    with open_service(make_backbone(), bundles) as service:
        yield service


def read(client: TestClient, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a metric by its labels' values, sorted by label."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in samples}


def test_requests_rows_and_batches_are_counted(service: SimpleNamespace) -> None:
    client = TestClient(service.app, base_url="http://localhost")
    for count in (1, 3):
        assert client.post("/v1/classify", json={"prompt": "pairs", "inputs": [PAIR] * count}).status_code == 200
    client.post("/v1/classify", json={"prompt": "nobody", "inputs": [PAIR]})
    client.post("/v1/prompts", json={"folder": "topics"})
    requests = read(client, "dawgen_requests_total")
    assert requests["POST", "/v1/classify", "200"] == 2
    assert requests["POST", "/v1/classify", "404"] == requests["POST", "/v1/prompts", "201"] == 1
    assert read(client, "dawgen_request_seconds_count")[("/v1/classify",)] == 3
    assert read(client, "dawgen_rows_total") == {("pairs",): 4}
    assert read(client, "dawgen_batch_rows_sum")[()] == 4 == service.batcher.stats().rows
    assert read(client, "dawgen_batch_rows_count")[()] == service.batcher.stats().batches
    assert read(client, "dawgen_batch_seconds_sum")[()] > 0
    assert read(client, "dawgen_refused_total") == {("prompt",): 1}
    assert read(client, "dawgen_prompts")[()] == 2
    assert read(client, "dawgen_prompt_bytes")[()] == sum(loaded.nbytes for loaded in service.registry.list())
    assert read(client, "dawgen_queue_rows")[()] == read(client, "dawgen_running_rows")[()] == 0


def test_what_clients_make_up_makes_no_series(service: SimpleNamespace) -> None:
    client = TestClient(service.app, base_url="http://localhost")
    for word in ("a", "b", "c"):
        client.post("/v1/classify", json={"prompt": word, "inputs": [PAIR]})
        client.get(f"/{word}")
        client.delete(f"/v1/prompts/{word}")
        client.request(f"X{word}", f"/v1/{word}")
    methods, routes, _ = zip(*read(client, "dawgen_requests_total"), strict=True)
    assert set(methods) == {"POST", "GET", "DELETE", OTHER}
    assert set(routes) == {"/v1/classify", "/v1/prompts/{name}", "/metrics", OTHER} - {"/metrics"}
    assert read(client, "dawgen_rows_total") == {}


def test_a_prompt_that_leaves_takes_its_series_with_it(service: SimpleNamespace) -> None:
    client = TestClient(service.app, base_url="http://localhost")
    for name in ("one", "two"):
        client.post("/v1/prompts", json={"folder": "topics", "name": name})
        assert client.post("/v1/classify", json={"prompt": name, "inputs": [TEXT]}).status_code == 200
        client.delete(f"/v1/prompts/{name}")
    assert read(client, "dawgen_rows_total") == {}
    service.app.state.metrics.count_rows("one", 5, 0)  # a request that began before
    assert read(client, "dawgen_rows_total") == {(REMOVED,): 5}


def test_names_of_routes_and_methods() -> None:
    assert name_route("/v1/prompts/x/y") == "/v1/prompts/{name}"
    assert name_route("/static/page.js") == "/static"
    assert name_route("/v1/classify/") == name_route("//v1/classify") == OTHER
    assert name_method("GET") == "GET" and name_method("BREW") == OTHER
