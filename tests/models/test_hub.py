"""The hub is asked only for what can be a name there, once, and not without a network."""

import time
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, constants

from dawgen.errors import ModelError
from dawgen.models.load import load_target
from dawgen.models.resolve import resolve_model


@pytest.mark.parametrize(
    "name",
    ["my model", "a b/c", "-x", "x--y", "x..y", "x/", "/x", "x/y/z", "ж", "x\ny", "", "x.", "a" * 200, "C:\\models\\x"],
)
def test_what_can_be_no_name_on_the_hub_is_refused_without_asking(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HfApi, "model_info", _refuse_to_ask)
    with pytest.raises(ModelError):
        load_target(name)


@pytest.mark.parametrize("name", ["gpt2", "google/flan-t5-base", "Qwen/Qwen3-0.6B-Base", "a/b_c.d-e", "t5"])
def test_names_on_the_hub_stay_as_they_are(name: str) -> None:
    assert resolve_model(name) == name


def test_a_slip_in_a_path_is_told_what_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "my-bert").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HfApi, "model_info", _refuse_to_ask)
    with pytest.raises(ModelError, match="did you mean my-bert"):
        load_target("models/my-bret")


def test_without_a_network_the_hub_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def fail(_: Any, name: str, **options: Any) -> None:
        asked.append(name)
        raise OSError("no route to host")

    monkeypatch.setattr(HfApi, "model_info", fail)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    begin = time.perf_counter()
    with pytest.raises(ModelError, match="not on this machine, and the hub does not answer .no route to host"):
        load_target("nobody/such-model")
    assert asked == ["nobody/such-model"] and time.perf_counter() - begin < 10
    with pytest.raises(ModelError, match="did you mean mini-t5"):
        load_target("mini-t55")


def _refuse_to_ask(*_: Any, **__: Any) -> None:
    raise AssertionError("the hub was asked")
