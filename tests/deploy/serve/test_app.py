"""The service over HTTP: what it answers, to whom, and what it says when it does not."""

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from dawgen.classifier.estimator import PromptClassifier
from dawgen.deploy.serve import batcher as batching
from dawgen.deploy.serve.settings import ServeSettings
from support.services import PAIR, TEXT, TOPICS, open_service
from support.targets import make_backbone, make_pairs, make_task

HERE = "http://127.0.0.1:8400"
SMALL = ServeSettings(max_body=2000, max_inputs=4, max_characters=100, max_prompts=2)


@pytest.fixture
def service(bundles: Path) -> Iterator[SimpleNamespace]:
    with open_service(make_backbone(), bundles, SMALL) as service:
        yield service


@pytest.fixture
def client(service: SimpleNamespace) -> TestClient:
    return TestClient(service.app, base_url=HERE)


def ask(client: TestClient, *inputs: Any, prompt: str = "pairs") -> Any:
    return client.post("/v1/classify", json={"prompt": prompt, "inputs": list(inputs)})


def add(client: TestClient, folder: str, **fields: Any) -> Any:
    return client.post("/v1/prompts", json={"folder": folder} | fields)


def test_one_request_asks_several_prompts_which_answer_as_each_alone(
    client: TestClient, service: SimpleNamespace, tmp_path: Path, bundles: Path
) -> None:
    pairs = make_pairs(4)
    task, options = make_task(), {"prompt_length": 3, "steps": 2, "placement": "behind"}
    behind = PromptClassifier(make_backbone(), task, **options).fit(pairs)
    behind.save(bundles / "behind")
    add(client, "behind")
    try:
        sent = [{"text1": row.text1, "text2": row.text2} for row in pairs]
        asked = client.post("/v1/classify", json={"prompts": ["behind", "pairs"], "inputs": sent})
        assert asked.status_code == 200
        answers = asked.json()["answers"]
        assert [answer["prompt"] for answer in answers] == ["behind", "pairs"]
        for answer in answers:
            alone = ask(client, *sent, prompt=answer["prompt"]).json()
            assert alone["digest"] == answer["digest"]
            for one, other in zip(answer["results"], alone["results"], strict=True):
                assert one["label"] == other["label"]
                assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
        metrics = client.get("/metrics").text
        assert "dawgen_texts_read_total 4.0" in metrics and "dawgen_texts_found_total 4.0" in metrics
        assert 'dawgen_rows_total{prompt="behind"} 8.0' in metrics
    finally:
        shutil.rmtree(bundles / "behind")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"prompts": ["pairs"], "prompt": "pairs", "inputs": [PAIR]}, 422, "found both"),
        ({"prompts": ["pairs", "pairs"], "inputs": [PAIR]}, 422, "found one twice"),
        ({"prompts": [], "inputs": [PAIR]}, 422, "prompts"),
        ({"prompts": ["pairs", "pear"], "inputs": [PAIR]}, 404, "pear"),
        ({"prompts": ["pairs"], "inputs": [TEXT]}, 422, "expected a pair"),
    ],
)
def test_wrong_requests_of_several_prompts_are_refused(client: TestClient, body: Any, status: int, said: str) -> None:
    found = client.post("/v1/classify", json=body)
    assert found.status_code == status and said in found.json()["detail"]


def test_answers_are_those_of_the_classifier(client: TestClient, bundles: Path) -> None:
    add(client, "topics")
    pairs = make_pairs(4)
    for name, items, sent in (
        ("pairs", pairs, [{"text1": row.text1, "text2": row.text2} for row in pairs]),
        ("topics", [TEXT, "a dog"], [TEXT, {"text1": "a dog"}]),
    ):
        classifier = PromptClassifier.load(bundles / name, make_backbone())
        wanted = classifier.predict_proba(items)  # type: ignore[arg-type]
        answer = ask(client, *sent, prompt=name).json()
        assert (answer["prompt"], answer["digest"]) == (name, classifier.digest_)
        got = [[row["probabilities"][label] for label in classifier.classes_] for row in answer["results"]]
        np.testing.assert_allclose(got, wanted, atol=1e-5)
        assert [row["label"] for row in answer["results"]] == classifier.predict(items).tolist()  # type: ignore[arg-type]
        assert all(abs(sum(row["probabilities"].values()) - 1) < 1e-12 for row in answer["results"])


def test_a_text_that_loses_its_end_is_said_to(bundles: Path) -> None:
    with open_service(make_backbone(), bundles) as service:
        client = TestClient(service.app, base_url=HERE)
        answer = ask(client, PAIR, {"text1": "a man is sleeping " * 400, "text2": "no"}).json()
        assert [row["cut"] for row in answer["results"]] == [False, True]
        assert "dawgen_cut_rows_total 1.0" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"prompt": "pair", "inputs": ["x"]}, 404, "Unknown prompt 'pair'; there are pairs: did you mean pairs?"),
        ({"prompt": "pairs", "inputs": [PAIR, "x"]}, 422, "inputs[1]: expected a pair, "),
        ({"prompt": "pairs", "inputs": [PAIR, 3]}, 422, "inputs[1]: expected a text, or a pair as "),
        ({"prompt": "pairs", "inputs": [{"text1": "x", "words": "y"}]}, 422, "inputs[0]: expected a text, or a pair"),
        ({"prompt": "pairs", "inputs": [{"text1": [0.1, 0.2]}]}, 422, "inputs[0]: expected a text, or a pair"),
        ({"prompt": "pairs", "inputs": []}, 422, "inputs: expected at least one text or pair, found none."),
        ({"prompt": "pairs", "inputs": "x"}, 422, 'inputs: expected a list of texts or pairs, such as ["a text"].'),
        ({"prompt": "pairs", "inputs": [PAIR] * 5}, 422, "inputs: expected at most 4, found 5."),
        ({"prompt": "pairs", "inputs": [PAIR | {"text2": "x" * 101}]}, 422, "at most 100 characters, found 101."),
        ({"prompt": "pairs", "inputs": [PAIR | {"text1": "\ud800"}]}, 422, "half of a surrogate pair."),
        ({"prompt": "\ud800", "inputs": [PAIR]}, 404, "Unknown prompt '\\ud800'"),
        ({"prompt": "pairs", "inputs": [PAIR], "\ud800": 1}, 422, "Expected a JSON object"),
        ({"prompt": "pairs", "inputs": [PAIR], "tensors": [0.5]}, 422, "Unknown field tensors."),
        ({"inputs": [PAIR]}, 422, "The field prompt is missing."),
        ({"prompt": 7, "inputs": [PAIR]}, 422, "prompt: Input should be a valid string."),
        (b"[1", 422, "Expected JSON, found none at character 2 (Expecting ',' delimiter)."),
        (b"", 422, "Expected a JSON object, sent with the header 'Content-Type: application/json'."),
        (b"[]", 422, "Expected a JSON object, "),
        (b"NaN", 422, "Expected a JSON object, "),
        (b"\xc3\x28", 422, "Expected JSON in UTF-8, nested a few levels deep."),
        (b"[" * 1900, 422, "Expected JSON"),
        (b" " * 2001, 413, "Expected a body of at most 2000 bytes."),
    ],
)
def test_wrong_requests_are_refused_with_the_reason(client: TestClient, body: Any, status: int, said: str) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = client.post("/v1/classify", content=sent, headers={"content-type": "application/json"})
    assert found.status_code == status
    assert said in found.json()["detail"]
    assert set(found.json()) == {"detail"}


def test_a_body_is_counted_while_it_comes_whatever_its_header_says(client: TestClient) -> None:
    taken = []

    def send() -> Iterator[bytes]:
        for part in range(100):
            taken.append(part)
            yield b" " * 1000

    assert client.post("/v1/classify", content=send()).status_code == 413


def test_only_json_is_read_as_json(client: TestClient) -> None:
    """A form of another page can send text/plain without asking first."""
    sent = json.dumps({"prompt": "pairs", "inputs": [PAIR]})
    found = client.post("/v1/classify", content=sent, headers={"content-type": "text/plain"})
    assert (found.status_code, "application/json" in found.json()["detail"]) == (422, True)


def test_prompts_come_and_go(client: TestClient, service: SimpleNamespace) -> None:
    added = add(client, "topics", name="news")
    assert added.status_code == 201
    assert added.json() == {
        "name": "news",
        "task": "topics",
        "labels": list(TOPICS),
        "pair": False,
        "length": 4,
        "temperature": 1.0,
        "bytes": service.registry.get("news").nbytes,
        "digest": service.registry.get("news").digest,
    }
    listed = client.get("/v1/prompts").json()
    assert [prompt["name"] for prompt in listed["prompts"]] == ["news", "pairs"]
    assert listed["base"]["fingerprint"] == make_backbone().fingerprint
    assert {listed["base"][name] for name in ("kind", "dtype", "device")} == {"seq2seq", "float32", "cpu"}
    gone = client.delete("/v1/prompts/news")
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.delete("/v1/prompts/news").status_code == ask(client, TEXT, prompt="news").status_code == 404
    assert add(client, "topics", name="news", digest=added.json()["digest"]).status_code == 201


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"folder": "pairs"}, 409, "pairs: expected a new name, this one is served. Remove it first."),
        ({"folder": "../bundles", "name": "a"}, 403, "inside the allowed one"),
        ({"folder": "/etc", "name": "a"}, 403, "inside the allowed one"),
        ({"folder": "x\0y", "name": "a"}, 403, "inside the allowed one"),
        ({"folder": "x" * 999, "name": "a"}, 422, "expected a"),
        ({"folder": "x" * 1001, "name": "a"}, 422, "folder: "),
        ({"folder": "none", "name": "a"}, 422, "none"),
        (
            {"folder": "topics", "name": "a b"},
            422,
            "name: expected 1 to 64 letters, digits, dots, dashes and underscores",
        ),
        ({"folder": "topics", "name": "../a"}, 422, "name: "),
        ({"folder": "topics", "digest": "0" * 64}, 422, "expected the bundle with digest"),
        ({"folder": "topics", "digest": "0"}, 422, "digest: expected 64 of the characters"),
        ({"folder": "topics", "prompt": [[0.5]]}, 422, "Unknown field prompt."),
    ],
)
def test_bundles_that_are_not_taken(
    client: TestClient, bundles: Path, fields: dict[str, Any], status: int, said: str
) -> None:
    found = client.post("/v1/prompts", json=fields)
    assert (found.status_code, said in found.json()["detail"]) == (status, True), found.json()
    assert str(bundles) not in found.text
    assert len(client.get("/v1/prompts").json()["prompts"]) == 1


def test_the_number_of_prompts_is_bounded(client: TestClient) -> None:
    assert add(client, "topics", name="a").status_code == 201
    full = add(client, "topics", name="b")
    assert (full.status_code, full.json()["detail"].startswith("Expected room for one more prompt, 2")) == (409, True)


def test_every_answer_has_the_headers_and_a_number_of_its_own(client: TestClient) -> None:
    seen = set()
    for path in ("/", "/docs", "/healthz", "/readyz", "/v1/prompts", "/metrics", "/nothing", "/openapi.json"):
        found = client.get(path)
        assert found.headers.get_list("x-content-type-options") == ["nosniff"], path
        assert found.headers.get_list("cache-control") == ["no-store"]
        assert len(found.headers.get_list("content-security-policy")) == 1
        seen.add(found.headers["x-request-id"])
    assert len(seen) == 8


def test_other_addresses_and_methods(client: TestClient) -> None:
    missing, wrong = client.get("/v1/nothing"), client.get("/v1/classify")
    assert (missing.status_code, missing.json()) == (404, {"detail": "There is no such page."})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert client.get("/v1/prompts/").status_code == 404  # no redirect: it would name a host


def test_the_description_needs_nothing_from_elsewhere(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert "http" not in json.dumps(described).replace("HTTP", "").replace("http_", "")
    assert described["components"]["schemas"]["Question"]["additionalProperties"] is False
    faults = described["paths"]["/v1/classify"]["post"]["responses"]
    assert set(faults) >= {"200", "401", "403", "404", "408", "413", "422", "429", "500", "503", "504"}
    assert "HTTPValidationError" not in described["components"]["schemas"]


def test_the_description_says_what_needs_the_token(bundles: Path) -> None:
    with open_service(make_backbone(), bundles, ServeSettings(token=SecretStr("x" * 16))) as service:
        paths = service.app.openapi()["paths"]
    guarded = {path for path, methods in paths.items() for method in methods.values() if "security" in method}
    assert guarded == {"/v1/classify", "/v1/prompts", "/v1/prompts/{name}", "/metrics"}


def test_a_model_that_fails_says_nothing_of_the_text(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("could not compute a secret matter")

    monkeypatch.setattr(batching, "score_mixed", fail)
    with caplog.at_level(logging.INFO, "dawgen.serve"):
        found = ask(client, PAIR)
    assert found.status_code == 500
    assert found.headers["x-request-id"] in found.json()["detail"]
    (noted,) = [record.facts for record in caplog.records if hasattr(record, "facts")]  # type: ignore[attr-defined]
    assert (noted["status"], noted["error"].split()[0]) == (500, "RuntimeError")
    assert "secret" not in found.text + json.dumps(noted)
    monkeypatch.undo()
    assert ask(client, PAIR).status_code == 200  # the worker lives on


def test_readiness(client: TestClient, service: SimpleNamespace) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    service.app.state.admission.close()
    assert client.get("/readyz").status_code == 503
    service.app.state.admission.closed = False
    service.batcher.close()
    for found in (client.get("/readyz"), ask(client, PAIR)):
        assert (found.status_code, found.headers["retry-after"]) == (503, "1")
    assert client.get("/healthz").json() == {"status": "ok"}
