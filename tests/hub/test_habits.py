"""`from_pretrained` and `push_to_hub` against a stand-in of the hub on loopback: what goes there comes back."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from huggingface_hub import HfApi, constants

import dawgen
from dawgen.classifier.published import write_prompt_card
from dawgen.errors import BundleError, ConfigError, DawgenError
from dawgen.generator.estimator import Generator
from dawgen.prompt.bundle.format import load_bundle
from support.generators import PAIR_ROWS, PAIRS, TEXTS
from support.hub_stand_in import COMMIT, Hub, pretend_hub
from support.targets import make_pairs, make_task
from support.tiny import save_tiny

ITEM = [("a girl is singing", "a girl is making music")]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> dawgen.PromptClassifier:
    """A prompt on a mini that comes with dawgen, saved with numbers."""
    task = make_task(template="{text1}. {text2}. {mask}")
    made = dawgen.PromptClassifier("mini-t5", task, prompt_length=4, steps=2, batch_size=4).fit(make_pairs(8))
    made.save(tmp_path_factory.mktemp("bundle"), {"accuracy": 0.625, "n_test": 8, "n_synthetic": 12})
    return made


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with pretend_hub(monkeypatch, tmp_path) as hub:
        yield hub


def score(model: Any) -> list[list[float]]:
    scores: list[list[float]] = model.predict_proba(ITEM).tolist()
    return scores


def test_a_pushed_prompt_comes_back_with_its_card_whose_snippet_runs(
    classifier: dawgen.PromptClassifier, hub: Hub
) -> None:
    assert classifier.push_to_hub("me/prompt", private=True, license="apache-2.0").endswith("/me/prompt")
    repo = hub.repos["models/me/prompt"]
    assert repo["private"] and set(repo["files"]) == {"bundle.json", "prompt.safetensors", "README.md"}
    again = dawgen.PromptClassifier.from_pretrained("me/prompt", device="cpu")
    assert score(again) == score(classifier) and again.metrics_["accuracy"] == 0.625
    card = repo["files"]["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "dawgen" and front["license"] == "apache-2.0" and "base_model" not in front
    assert "62.5 %" in card and "12 synthetic" in card and again.digest_ in card
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    exec(compile(code, "README.md", "exec"), names)
    assert set(names["probabilities"]) == set(classifier.classes_)


def test_a_card_says_the_temperature_where_there_is_one(classifier: dawgen.PromptClassifier, tmp_path: Path) -> None:
    classifier.save(tmp_path)
    prompt, info = load_bundle(tmp_path)
    warm = info.model_copy(update={"temperature": 1.5})
    assert "temperature 1.5" in write_prompt_card(prompt, warm, "me/prompt")
    assert "at temperature" not in write_prompt_card(prompt, info.model_copy(update={"temperature": None}), "me/prompt")


def test_a_revision_is_a_branch_of_its_own(classifier: dawgen.PromptClassifier, hub: Hub) -> None:
    classifier.push_to_hub("me/prompt", revision="v1")
    repo = hub.repos["models/me/prompt"]
    assert set(repo["branches"]) == {"v1"} and "bundle.json" not in repo["files"]
    assert score(dawgen.PromptClassifier.from_pretrained("me/prompt", revision="v1")) == score(classifier)
    with pytest.raises(BundleError, match="expected bundle.json, prompt.safetensors or dawgen.json"):
        dawgen.PromptClassifier.from_pretrained("me/prompt")
    with pytest.raises(ConfigError, match="no branch, tag or commit 'v2'"):
        dawgen.PromptClassifier.from_pretrained("me/prompt", revision="v2")


def test_only_json_and_safetensors_are_fetched(classifier: dawgen.PromptClassifier, hub: Hub) -> None:
    classifier.push_to_hub("me/prompt")
    hub.repos["models/me/prompt"]["files"]["pytorch_model.bin"] = b"a pickle"
    dawgen.PromptClassifier.from_pretrained("me/prompt")
    fetched = {line.rpartition("/")[2] for line in hub.asked if line.startswith("GET") and "/resolve/" in line}
    assert fetched == {"bundle.json", "prompt.safetensors"}
    assert any(f"/resolve/{COMMIT}/prompt.safetensors" in line for line in hub.asked)  # of one commit


def test_without_a_network_the_cache_answers(
    classifier: dawgen.PromptClassifier, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier.push_to_hub("me/prompt")
    dawgen.PromptClassifier.from_pretrained("me/prompt")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(HfApi, "repo_info", fail)
    seen = len(hub.asked)
    assert score(dawgen.PromptClassifier.from_pretrained("me/prompt")) == score(classifier)
    with pytest.raises(DawgenError, match=r"me/other: it is not on this machine.*no route to host"):
        dawgen.PromptClassifier.from_pretrained("me/other")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert score(dawgen.PromptClassifier.from_pretrained("me/prompt")) == score(classifier)
    with pytest.raises(DawgenError, match="HF_HUB_OFFLINE is set"):
        dawgen.PromptClassifier.from_pretrained("me/other")
    assert len(hub.asked) == seen


def test_what_export_publishes_is_loaded_too(classifier: dawgen.PromptClassifier, hub: Hub, tmp_path: Path) -> None:
    classifier.save(tmp_path / "bundle")
    dawgen.export_peft(tmp_path / "bundle", tmp_path / "adapter")
    assert score(dawgen.PromptClassifier.from_pretrained(tmp_path / "adapter")) == score(classifier)
    hub.repos["models/me/adapter"] = {
        "private": False,
        "files": {path.name: path.read_bytes() for path in (tmp_path / "adapter").iterdir()},
        "branches": {},
    }
    assert score(dawgen.PromptClassifier.from_pretrained("me/adapter")) == score(classifier)
    (tmp_path / "adapter" / "dawgen.json").unlink()
    with pytest.raises(BundleError, match="dawgen import ADAPTER"):
        dawgen.PromptClassifier.from_pretrained(tmp_path / "adapter")


def test_a_folder_is_never_asked_for_on_the_hub(classifier: dawgen.PromptClassifier, hub: Hub, tmp_path: Path) -> None:
    classifier.save(tmp_path / "bundle")
    assert score(dawgen.PromptClassifier.from_pretrained(tmp_path / "bundle")) == score(classifier)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="empty"):
        dawgen.PromptClassifier.from_pretrained(str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match="revision: expected with OWNER/NAME"):
        dawgen.PromptClassifier.from_pretrained(tmp_path / "bundle", revision="main")
    for name in ("bundle", "a/b/c", "../me/prompt", "me/pro mpt"):
        with pytest.raises(ConfigError, match="there is no such folder"):
            dawgen.PromptClassifier.from_pretrained(name)
    assert hub.asked == []


def test_faults_of_the_hub_say_what_to_do(
    classifier: dawgen.PromptClassifier, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="the hub has no model of this name"):
        dawgen.PromptClassifier.from_pretrained("me/nothing")
    with pytest.raises(ConfigError, match="push_to_hub prompt: expected OWNER/NAME"):
        classifier.push_to_hub("prompt")
    with pytest.raises(ConfigError, match="the hub refuses"):
        classifier.push_to_hub("me/prompt", token="hf_wrong")
    classifier.push_to_hub("me/prompt")
    with pytest.raises(ConfigError, match="is there already, and public"):
        classifier.push_to_hub("me/prompt", private=True)
    damaged = json.loads(hub.repos["models/me/prompt"]["files"]["bundle.json"]) | {"seed": 99}
    hub.repos["models/me/prompt"]["files"]["bundle.json"] = json.dumps(damaged).encode()
    with pytest.raises(BundleError, match="me/prompt: its digest does not fit"):
        dawgen.PromptClassifier.from_pretrained("me/prompt")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ConfigError, match="expected a token"):
        classifier.push_to_hub("me/prompt")


def test_a_base_that_is_a_folder_is_published_under_its_name_on_the_hub_only(hub: Hub, tmp_path: Path) -> None:
    base = str(save_tiny("t5", tmp_path / "base"))
    made = dawgen.PromptClassifier(base, make_task(), prompt_length=3, steps=1, batch_size=4).fit(make_pairs(8))
    with pytest.raises(ConfigError, match="base= in Python"):
        made.push_to_hub("me/prompt")
    assert hub.asked == []
    made.push_to_hub("me/prompt", base="google/such-t5")
    files = hub.repos["models/me/prompt"]["files"]
    assert not any(str(tmp_path).encode() in data for data in files.values())
    assert yaml.safe_load(files["README.md"].decode().split("---\n")[1])["base_model"] == "google/such-t5"
    assert score(dawgen.PromptClassifier.from_pretrained("me/prompt", base)) == score(made)


def test_a_pushed_generator_comes_back(hub: Hub) -> None:
    made = Generator("mini-ctrl", PAIRS, kind="plain", steps=1, seed=3, device="cpu").fit(PAIR_ROWS)
    made.push_to_hub("me/generator")
    files = hub.repos["models/me/generator"]["files"]
    assert set(files) == {"generator.json", "prefix.safetensors", "README.md"}
    assert 'dawgen.Generator.from_pretrained("me/generator")' in files["README.md"].decode()
    again = Generator.from_pretrained("me/generator", device="cpu")
    assert np.array_equal(again.log_likelihood(PAIR_ROWS), made.log_likelihood(PAIR_ROWS))
    assert again.preview(1, first_texts=TEXTS) == made.preview(1, first_texts=TEXTS)
    with pytest.raises(BundleError, match="expected bundle.json"):
        dawgen.PromptClassifier.from_pretrained("me/generator")
