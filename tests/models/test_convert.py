"""A GGUF file becomes a folder once: the same numbers, whole or absent, and an error that says what to do."""

import importlib.util
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from dawgen.errors import ModelError
from dawgen.models import convert, gguf_file, store
from dawgen.models.convert import convert_gguf
from dawgen.models.load import load_generator, load_target, read_tokenizer
from dawgen.models.store import RECORD, VARIABLE, find_place, is_whole
from support.ggufs import TEMPLATE, write_gguf
from support.tiny import tiny_tokenizer


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_gguf(tmp_path / "tiny.gguf")
    return tmp_path / "tiny.gguf"


def test_the_weights_are_those_of_the_file_in_bfloat16(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    form = gguf.GGMLQuantizationType.Q4_1
    matrices = write_gguf(path, form=form)
    backbone = load_target(str(path))
    packed = gguf.quantize(matrices["blk.1.ffn_down.weight"], form)
    wanted = torch.from_numpy(np.array(gguf.dequantize(packed, form))).bfloat16().float()
    assert torch.equal(backbone.model.model.layers[1].mlp.down_proj.weight, wanted)
    assert backbone.kind == "causal" and backbone.quantisation == "Q4_1" and backbone.name == str(path)
    assert backbone.tokenizer.chat_template == TEMPLATE.replace("\\n", "\n")
    assert backbone.tokenizer.decode(backbone.tokenizer("the cat a 12")["input_ids"]) == "the cat a 12"


def test_later_loads_are_the_first_bit_for_bit_and_need_no_extra(
    file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    first = load_generator(str(file))
    said = capfd.readouterr().err
    assert len(said.splitlines()) == 2 and "tiny.gguf" in said
    monkeypatch.setattr(gguf_file, "find_spec", lambda name: None)
    second = load_generator(str(file))
    assert capfd.readouterr().err == ""
    assert (first.exact, first.fingerprint) == (second.exact, second.fingerprint)


def test_the_record_says_where_it_came_from(file: Path, cache: Path) -> None:
    folder = convert_gguf(file)
    record = json.loads((folder / RECORD).read_text())
    assert folder.parent == cache
    assert record["source"]["file"] == "tiny.gguf" and record["source"]["bytes"] == file.stat().st_size
    assert folder.name == record["source"]["sha256"][:16]
    assert (record["name"], record["license"], record["quantisation"]) == ("Tiny llama", "apache-2.0", "Q8_0")
    assert set(record["files"]) == {path.name for path in folder.iterdir()} - {RECORD}


def test_a_copy_under_another_name_is_the_same_model(file: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    copy = shutil.copy(file, tmp_path / "other" / "renamed.gguf")
    assert convert_gguf(file) == convert_gguf(Path(copy))


@pytest.mark.parametrize("damage", ["weights", "tokenizer", "record", "missing"])
def test_a_damaged_folder_is_made_again(damage: str, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    exact, folder = load_generator(str(file)).exact, convert_gguf(file)
    name = {"weights": "model.safetensors", "tokenizer": "tokenizer.json", "record": RECORD}.get(damage, "config.json")
    content = bytearray((folder / name).read_bytes())
    content[-10] ^= 1
    (folder / name).unlink()
    if damage != "missing":
        (folder / name).write_bytes(content)
    assert not is_whole(folder)
    capfd.readouterr()
    assert load_generator(str(file)).exact == exact
    assert "making it again" in capfd.readouterr().err
    assert is_whole(folder)


def test_what_a_killed_process_left_is_no_model_and_is_removed(file: Path, cache: Path, tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from dawgen.models import convert
def stop(facts, folder, advance):
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
convert._convert = stop
convert.convert_gguf(Path({str(file)!r}))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert [path.parent.suffix for path in cache.glob("*/half")] == [".tmp"]
    folder = convert_gguf(file)
    assert is_whole(folder)
    assert list(cache.glob(".*.tmp")) == []


def test_two_processes_at_once_convert_once(file: Path, cache: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=convert_counted, args=(file, tmp_path / f"done{n}")) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    done = [json.loads((tmp_path / f"done{n}").read_text()) for n in range(2)]
    assert sorted(count for count, _ in done) == [0, 1]
    assert {folder for _, folder in done} == {str(find_place(store.hash_file(file)))}
    assert is_whole(Path(done[0][1])) and list(cache.glob(".*.tmp")) == []


def convert_counted(file: Path, done: Path) -> None:
    """Convert slowly, and write how often this process did it."""
    convert_plainly, counted = convert._convert, []

    def convert_slowly(*arguments: Any) -> None:
        counted.append(1)
        time.sleep(1)
        convert_plainly(*arguments)

    convert._convert = convert_slowly
    folder = convert_gguf(file)
    done.write_text(json.dumps([len(counted), str(folder)]))


def test_families_that_are_not_causal_or_not_known_are_refused(tmp_path: Path, cache: Path) -> None:
    for architecture, reason in (("t5", "an encoder-decoder"), ("bert", "got 'bert'"), ("rwkv9", "got 'rwkv9'")):
        path = tmp_path / f"{architecture}.gguf"
        write_gguf(path, architecture=architecture)
        with pytest.raises(ModelError, match=reason) as caught:
            load_generator(str(path))
        assert "safetensors" in str(caught.value)
    assert [path for path in cache.glob("*") if path.is_dir()] == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"blk.1.ffn_up.weight": None}, "lack 1 tensors, model.layers.1.mlp.up_proj.weight"),
        ({"blk.0.attn_norm.weight": np.full(64, np.nan, np.float32)}, "NaN or infinity"),
    ],
    ids=["a tensor is missing", "a number is none"],
)
def test_weights_that_are_incomplete_are_refused(change: Any, reason: str, tmp_path: Path, cache: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf", change=change)
    with pytest.raises(ModelError, match=reason):
        load_generator(str(tmp_path / "tiny.gguf"))
    assert [path for path in cache.glob("*") if path.is_dir()] == []


def test_a_truncated_or_foreign_file_is_refused_by_the_loader(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(file.read_bytes()[:-500])
    for load in (load_generator, load_target, read_tokenizer):
        with pytest.raises(ModelError, match="cut off"):
            load(str(cut))
    with pytest.raises(ModelError, match="there is none"):
        load_target(str(tmp_path / "none.gguf"))


def test_a_tokenizer_that_was_rebuilt_wrongly_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = convert.AutoTokenizer.from_pretrained
    wrong = tiny_tokenizer()
    monkeypatch.setattr(
        convert.AutoTokenizer, "from_pretrained", lambda *at, **options: read(*at, **options) if options else wrong
    )
    monkeypatch.setattr(convert, "PROBE", "Zürich, 3 kg")
    with pytest.raises(ModelError, match="gives 'Zürich, 3 kg' back.*\n.*newer transformers"):
        convert_gguf(file)


def test_missing_libraries_are_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_file, "find_spec", lambda name: None if name == "gguf" else importlib.util.find_spec(name))
    with pytest.raises(ModelError, match=r'gguf not installed.\nInstall them: pip install "dawgen\[gguf\]"'):
        load_generator(str(file))


def test_a_cache_that_cannot_be_written_is_said(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "taken"))
    with pytest.raises(ModelError, match=f"cannot.*\n.*{VARIABLE}=FOLDER"):
        load_generator(str(file))


def test_a_full_disk_is_said_before_and_while_writing(file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(store.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
        with pytest.raises(ModelError, match="disk is full: expected 17 MB .1 MB free"):
            load_generator(str(file))
    monkeypatch.setattr(convert, "_convert", fill_disk)
    with pytest.raises(ModelError, match="disk is full"):
        load_generator(str(file))
    assert [path for path in cache.glob("*") if path.is_dir()] == []


def fill_disk(*_: Any) -> None:
    raise OSError(28, os.strerror(28))


def test_the_cache_is_where_the_system_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(store.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.find_store() == tmp_path / "dawgen" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.find_store() == tmp_path / ".cache" / "dawgen" / "models"
    monkeypatch.setattr(store.sys, "platform", "darwin")
    assert store.find_store() == tmp_path / "Library" / "Caches" / "dawgen" / "models"
