"""Every part once on real weights, SmolLM2: what tiny random models cannot show.

All tests share one model in memory, so that the whole takes minutes.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from dawgen.classifier.estimator import PromptClassifier
from dawgen.config import DecodeConfig, RunConfig
from dawgen.deploy.export.exporting import export_peft
from dawgen.deploy.export.importing import import_peft
from dawgen.deploy.serve.app import make_app
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.registry import Registry
from dawgen.generator.estimator import Generator
from dawgen.models.load import Backbone, load_target
from dawgen.runs.inputs import Inputs, load_inputs
from support.real import require_smollm2

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")]

STEPS = 3


@pytest.fixture(scope="module")
def base() -> Backbone:
    return load_target(require_smollm2())


@pytest.fixture(scope="module")
def tickets() -> Inputs:
    return load_inputs(RunConfig(task="tickets", shots=4))


@pytest.fixture(scope="module")
def generator(base: Backbone, tickets: Inputs) -> SimpleNamespace:
    """A generator after three steps, and its log."""
    log: list[dict[str, Any]] = []
    decode = DecodeConfig(max_new_tokens=24)
    made = Generator(base, tickets.task, steps=STEPS, weight_every=2, max_tokens=48, decode=decode, device="cpu")
    return SimpleNamespace(model=made.fit(tickets.train, log=log.append), log=log)


@pytest.fixture(scope="module")
def trained(base: Backbone, tickets: Inputs, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A classifier after three steps on eight rows each, its log, and the folder of its bundle."""
    log: list[dict[str, Any]] = []
    folder = tmp_path_factory.mktemp("real") / "bundle"
    classifier = PromptClassifier(base, tickets.task, steps=STEPS, batch_size=4, prompt_length=8, max_tokens=64)
    classifier.fit(tickets.train, log=log.append).save(folder)
    return SimpleNamespace(classifier=classifier, log=log, folder=folder)


def pick_rows(inputs: Inputs, count: int = 8) -> list[str]:
    rows = inputs.test or []
    return [row.text1 for row in rows[:: len(rows) // count][:count]]


@torch.no_grad()
def test_a_known_sentence_goes_on_as_it_should(base: Backbone) -> None:
    ids = base.tokenizer("The capital of France is", return_tensors="pt").input_ids
    best = base.model(input_ids=ids).logits[0, -1].argmax()
    assert base.tokenizer.decode(best).strip() == "Paris"


def test_three_steps_of_tuning_make_the_shots_likelier(generator: SimpleNamespace, tickets: Inputs) -> None:
    untuned = Generator(generator.model.backbone_, tickets.task, kind="untuned", max_tokens=48, device="cpu")
    own = [tickets.task.labels.index(str(row.label)) for row in tickets.train]
    before, after = (
        model.log_likelihood(tickets.train)[np.arange(len(own)), own].mean()
        for model in (untuned.fit(tickets.train), generator.model)
    )
    assert len(generator.log) == STEPS
    assert after > before


def test_it_writes_a_text_for_every_label(generator: SimpleNamespace, tickets: Inputs) -> None:
    written = generator.model.preview(2)
    assert [candidate.example.label for candidate in written] == [*tickets.task.labels] * 2
    assert all(len(candidate.example.text1.split()) > 1 for candidate in written)
    assert len({candidate.example.text1 for candidate in written}) == len(written)
    assert np.isfinite([candidate.logp for candidate in written]).all()


def test_three_steps_of_prompt_tuning_lower_the_loss_and_leave_the_model(
    trained: SimpleNamespace, base: Backbone, tickets: Inputs
) -> None:
    assert trained.log[-1]["loss_real"] < trained.log[0]["loss_real"]
    chances = trained.classifier.predict_proba(pick_rows(tickets))
    assert chances.shape == (8, 4)
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
    assert all(parameter.grad is None for parameter in base.model.parameters())


def test_the_service_answers_as_the_classifier(trained: SimpleNamespace, base: Backbone, tickets: Inputs) -> None:
    texts = pick_rows(tickets)
    registry = Registry(base)
    registry.add(trained.folder, name="tickets", inside=False)
    with Batcher(base, max_wait=0.0) as batcher:
        client = TestClient(make_app(registry, batcher, None), base_url="http://127.0.0.1:8400")
        answer = client.post("/v1/classify", json={"prompt": "tickets", "inputs": texts})
    assert answer.status_code == 200, answer.text
    found = [[row["probabilities"][label] for label in trained.classifier.classes_] for row in answer.json()["results"]]
    np.testing.assert_allclose(found, trained.classifier.predict_proba(texts), atol=1e-4)


def test_an_adapter_comes_back_as_the_same_classifier(
    trained: SimpleNamespace, base: Backbone, tickets: Inputs, tmp_path: Path
) -> None:
    export_peft(trained.folder, tmp_path / "adapter", model=base)
    import_peft(tmp_path / "adapter", tmp_path / "bundle", model=base)
    back, texts = PromptClassifier.load(tmp_path / "bundle", base), pick_rows(tickets)
    assert torch.equal(back.prompt_, trained.classifier.prompt_)
    np.testing.assert_allclose(back.predict_proba(texts), trained.classifier.predict_proba(texts), atol=1e-6)
