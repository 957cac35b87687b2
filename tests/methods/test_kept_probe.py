"""Probes kept for later: fitted again to the same answers, or refused; a stranger's file is only read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dawgen.config import BaselineConfig, TargetConfig
from dawgen.errors import BundleError, ModelError
from dawgen.methods.interface import Given
from dawgen.methods.kept.probe import has_probe, keep_probe, load_probe, read_probe
from dawgen.methods.table import METHODS
from dawgen.models.load import load_target
from dawgen.prompt.bundle.files import PROBE, hash_content
from dawgen.records import Example
from dawgen.tasks import Task
from support.sentence_models import save_sentence_model
from support.targets import make_pairs, make_task
from support.tiny import save_tiny

PROBES = [name for name, spec in METHODS.items() if spec.probe]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A target and a sentence encoder on disk."""
    folder = tmp_path_factory.mktemp("models")
    return str(save_tiny("llama", folder / "llama")), str(save_sentence_model(folder / "encoder"))


def fit(name: str, models: tuple[str, str], folder: Path, **given: Any) -> Any:
    target = load_target(models[0])
    settings = {
        "task": make_task(),
        "real": make_pairs(12, 1),
        "synthetic": make_pairs(20, 2) if METHODS[name].synthetic else None,
        "target": TargetConfig(model=models[0], max_tokens=40),
        "baselines": BaselineConfig(encoder=models[1]),
    }
    inputs = Given(**settings | given)
    probe = METHODS[name].fit(target, inputs)
    keep_probe(folder, METHODS[name], target, inputs, probe)  # type: ignore[arg-type]
    return probe


@pytest.mark.parametrize("name", PROBES)
def test_a_kept_probe_answers_as_the_fitted_one(name: str, models: tuple[str, str], tmp_path: Path) -> None:
    assert not has_probe(tmp_path)
    probe, rows = fit(name, models, tmp_path), make_pairs(30, 5)
    assert has_probe(tmp_path)
    loaded, target = load_probe(tmp_path, digest=read_probe(tmp_path).digest)
    np.testing.assert_allclose(loaded.score_labels(rows), probe.score_labels(rows), atol=1e-6)
    assert (target is not None) == METHODS[name].asks


def test_single_texts_many_labels_and_one_without_rows(models: tuple[str, str], tmp_path: Path) -> None:
    labels = ("red", "green", "blue", "never")
    task = Task.from_examples([Example("a", None, label) for label in labels], name="colours")
    real = [Example(f"a {label} {thing}", None, label) for label in labels[:3] for thing in ("door", "car", "hat")]
    probe = fit("tfidf_probe", models, tmp_path, task=task, real=real, weigh=True)
    loaded, _ = load_probe(tmp_path)
    rows = ["a red cat", "blue sky", "nothing known"]
    np.testing.assert_allclose(loaded.score_labels(rows), probe.score_labels(rows), atol=1e-6)
    assert loaded.predict(rows[:2]).tolist() == ["red", "blue"]
    assert set(read_probe(tmp_path).labels) == set(labels)


def test_another_target_is_refused(models: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "llama"
    fit("linear_probe", (str(save_tiny("llama", folder)), models[1]), tmp_path)
    save_tiny("llama", folder, seed=1)
    with pytest.raises(BundleError, match="weights or tokenizer are now others"):
        load_probe(tmp_path)


def test_another_encoder_is_noticed_and_a_missing_one_named(models: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    fit("encoder_probe", (models[0], str(save_sentence_model(folder))), tmp_path)
    save_sentence_model(folder, seed=7)
    with pytest.raises(BundleError, match="golden outputs moved by"):
        load_probe(tmp_path)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="encoder"):
        load_probe(tmp_path)


def seal(content: dict[str, Any], folder: Path) -> None:
    """Write what a stranger would: with a digest that fits."""
    (folder / PROBE).write_text(json.dumps(content | {"digest": hash_content(content).hexdigest()}))


Change = Callable[[dict[str, Any]], object]
FORGED: dict[str, tuple[Change, str]] = {
    "another format": (lambda c: c.update(format=2), "expected format 1, got 2"),
    "a method that is none": (lambda c: c.update(method="prompt_tuning"), "method: expected one of"),
    "an unknown method": (lambda c: c.update(method="x"), "method: expected one of"),
    "an unknown field": (lambda c: c.update(more=1), "'more'"),
    "no rows": (lambda c: c.update(real=[]), "'real'"),
    "a row of three numbers": (lambda c: c.update(real=[[1, 2, 3]]), "'real"),
    "a row of another label": (lambda c: c["real"][0].__setitem__(2, "other"), "labels of the task"),
    "a single text": (lambda c: c["real"][0].__setitem__(1, None), "pairs exactly where the task has pairs"),
    "a set that the method does not take": (lambda c: c.update(synthetic=c["real"]), "synthetic: expected rows"),
    "a base where none is read": (lambda c: c.update(base=["a", "b"]), "base: expected one exactly"),
    "golden outputs of two labels more": (lambda c: c["golden"][0].extend([0.1, 0.1]), "golden: expected"),
    "a task of one label": (lambda c: c["task"].update(labels=["same"]), "the file is damaged"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_one_is_refused(name: str, models: tuple[str, str], tmp_path: Path) -> None:
    fit("tfidf_probe", models, tmp_path)
    change, message = FORGED[name]
    content = json.loads((tmp_path / PROBE).read_text())
    change(content)
    seal(content, tmp_path)
    with pytest.raises(BundleError, match="probe.json") as refused:
        load_probe(tmp_path)
    assert message in str(refused.value)


def test_one_that_was_changed_or_cut_off_is_refused(models: tuple[str, str], tmp_path: Path) -> None:
    fit("tfidf_probe", models, tmp_path)
    whole = (tmp_path / PROBE).read_text()
    (tmp_path / PROBE).write_text(whole.replace('"weigh": false', '"weigh": true'))
    with pytest.raises(BundleError, match="its digest does not fit its content"):
        load_probe(tmp_path)
    for end in (0, 10, len(whole) // 2, len(whole) - 3):
        (tmp_path / PROBE).write_text(whole[:end])
        with pytest.raises(BundleError, match="probe.json"):
            load_probe(tmp_path)
    (tmp_path / PROBE).write_text(whole)
    with pytest.raises(BundleError, match="expected the probe with digest"):
        load_probe(tmp_path, digest="0" * 64)


def test_rows_that_no_probe_can_learn_from_are_refused(models: tuple[str, str], tmp_path: Path) -> None:
    fit("tfidf_probe", models, tmp_path)
    content = json.loads((tmp_path / PROBE).read_text())
    content["real"] = [row for row in content["real"] if row[2] == "same"]
    seal(content, tmp_path)
    with pytest.raises(BundleError, match="could not fit the probe again"):
        load_probe(tmp_path)
