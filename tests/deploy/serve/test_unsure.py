"""Probabilities at the bundles' temperatures, of all labels or one, and a word for what is unsure."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from dawgen.classifier.estimator import PromptClassifier
from dawgen.deploy.serve.client import Client
from support.bundles import save_sound
from support.services import make_topic_task, open_service, serve_app
from support.targets import make_backbone, make_pairs

WARM = {"cool": 0.3, "plain": 1.0, "warm": 4.0}
SENT = [{"text1": row.text1, "text2": row.text2} for row in make_pairs(12, 4)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Prompts that differ in their temperature alone, and one of single texts."""
    folder = tmp_path_factory.mktemp("warm")
    for name, temperature in (WARM | {"pairs": 1.0}).items():
        save_sound(folder / name, make_backbone(), temperature=temperature)
    save_sound(folder / "topics", make_backbone(), make_topic_task(), temperature=2.0)
    with open_service(make_backbone(), folder) as service:
        for name in (*WARM, "topics"):
            service.registry.add(folder / name, inside=False)
        yield SimpleNamespace(
            client=TestClient(service.app, base_url="http://127.0.0.1:8400"), folder=folder, app=service.app
        )


def ask(service: Any, **body: Any) -> Any:
    found = service.client.post("/v1/classify", json={"inputs": SENT} | body)
    assert found.status_code == 200, found.text
    return found.json()


def test_a_mixed_batch_has_each_bundles_own_temperature(service: SimpleNamespace) -> None:
    answers = ask(service, prompts=list(WARM))["answers"]
    labels = [[row["label"] for row in answer["results"]] for answer in answers]
    assert labels[0] == labels[1] == labels[2]
    for answer in answers:
        alone = PromptClassifier.load(Path(service.folder) / answer["prompt"], make_backbone())
        assert alone.temperature_ == WARM[answer["prompt"]]
        expected = alone.predict_proba(make_pairs(12, 4))
        found = [[row["probabilities"][name] for name in alone.classes_] for row in answer["results"]]
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert [sum(row) for row in found] == pytest.approx([1] * 12, abs=1e-9)
    sure = [max(answer["results"][0]["probabilities"].values()) for answer in answers]
    assert sure[0] > sure[1] > sure[2]


def test_prompts_are_listed_with_their_temperature(service: SimpleNamespace) -> None:
    listed = {row["name"]: row["temperature"] for row in service.client.get("/v1/prompts").json()["prompts"]}
    assert listed == WARM | {"pairs": 1.0, "topics": 2.0}


def test_the_likeliest_labels_probability_alone_where_that_is_asked_for(service: SimpleNamespace) -> None:
    whole, short = (ask(service, prompt="plain", all=every)["results"] for every in (True, False))
    assert [row["probabilities"] for row in short] == [
        {row["label"]: pytest.approx(row["probabilities"][row["label"]], abs=1e-6)} for row in whole
    ]


def test_what_is_below_gets_the_word_and_is_counted(service: SimpleNamespace) -> None:
    plain = ask(service, prompt="plain")["results"]
    sure = [max(row["probabilities"].values()) for row in plain]
    below = float(np.median(sure))
    before = read_count(service)
    found = ask(service, prompt="plain", below=below, **{"else": "unsure"})["results"]
    assert [row["abstained"] for row in plain] == [False] * 12
    for was, row, chance in zip(plain, found, sure, strict=True):
        if abs(chance - below) > 1e-5:
            assert row["abstained"] == (chance < below)
        assert row["label"] == ("unsure" if row["abstained"] else was["label"])
        assert row["probabilities"] == pytest.approx(was["probabilities"], abs=1e-6)
    unsure = sum(row["abstained"] for row in found)
    assert 0 < unsure < 12 and read_count(service) == before + unsure


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"below": 0.7}, "Expected below and else together"),
        ({"else": "unsure"}, "Expected below and else together"),
        ({"below": 0, "else": "unsure"}, "below: "),
        ({"below": 1.1, "else": "unsure"}, "below: "),
        ({"below": "often", "else": "unsure"}, "below: "),
        ({"below": 0.7, "else": "same"}, "else: expected a word that is no label"),
        ({"below": 0.7, "else": "\ud800"}, "else: "),
        ({"below": 0.7, "else": "x" * 201}, "else: "),
        ({"all": "some"}, "all: "),
    ],
)
def test_what_cannot_be_is_refused(service: SimpleNamespace, fields: dict[str, Any], said: str) -> None:
    body = json.dumps({"prompt": "plain", "inputs": SENT} | fields)
    found = service.client.post("/v1/classify", content=body, headers={"Content-Type": "application/json"})
    assert found.status_code == 422 and said in found.json()["detail"]


def test_the_client_asks_for_it(service: SimpleNamespace) -> None:
    with serve_app(service.app) as link:
        client, items = Client(link), make_pairs(12, 4)
        below = float(np.median([max(answer.probabilities.values()) for answer in client.classify("cool", items)]))
        found = client.classify("warm", items, below=below, instead="unsure")
        assert {answer.label for answer in found if answer.abstained} == {"unsure"}
        several = client.classify_all(["warm", "cool"], items, below=below, instead="unsure")
        assert [answer.abstained for answer in several["warm"]] == [answer.abstained for answer in found]
        assert sum(answer.abstained for answer in several["cool"]) < sum(answer.abstained for answer in found)
        assert {prompt.name: prompt.temperature for prompt in client.prompts()}["warm"] == 4.0


def read_count(service: SimpleNamespace) -> float:
    [line] = [
        line
        for line in service.client.get("/metrics").text.splitlines()
        if line.startswith("dawgen_abstained_rows_total")
    ]
    return float(line.split()[-1])
