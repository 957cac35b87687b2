"""A store keeps whole files by name, below a folder and below any URL alike."""

import json
import pickle
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from dawgen.engine.storage import Store
from dawgen.errors import ConfigError, DataError


@pytest.fixture(params=["path", "file://", "local://", "memory://"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return an empty store; local:// is the same files as file://, but through fsspec."""
    if request.param == "memory://":
        name = f"/{uuid.uuid4().hex}"
        yield Store(f"memory://{name}")
        MemoryFileSystem().rm(name, recursive=True)
    else:
        place = tmp_path / "grid"
        place.mkdir()
        yield Store(place if request.param == "path" else f"{request.param}{place}")


def list_files(store: Store, name: str) -> list[str]:
    folder = store.fetch(name)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def fail_after_writing(store: Store) -> None:
    with store.workspace("sets/k") as folder:
        (folder / "shard").write_text("half of the work")
        raise KeyError


def test_files_are_written_read_and_replaced_by_name(store: Store) -> None:
    assert not store.exists("sets/a.json")
    store.write_json("sets/a.json", {"é": 1})
    store.write_json("sets/a.json", {"é": 2})
    store.write_text("results.csv", "a,b\n")
    assert store.exists("sets/a.json") and store.exists("sets") and not store.exists("sets/b.json")
    assert store.read_json("sets/a.json") == {"é": 2}
    assert store.fetch("results.csv").read_bytes() == b"a,b\n"
    assert store.fetch("sets/a.json").read_text() == json.dumps({"é": 2}, indent=2, ensure_ascii=False) + "\n"
    assert list_files(store, "") == ["results.csv", "sets/a.json"]
    assert list_files(store, "sets") == ["a.json"]


def test_files_and_folders_are_removed_with_all_that_is_in_them(store: Store) -> None:
    for name in ("sets/k/raw/shard", "sets/a.json", "grid.yaml"):
        store.write_text(name, "1")
    for name in ("sets", "grid.yaml", "prompts"):
        store.remove(name)
        assert not store.exists(name)
    assert not store.exists("sets/k/raw/shard")


def test_what_is_missing_or_damaged_is_said_with_its_place(store: Store) -> None:
    store.write_text("half.json", '{"accuracy": 0.')
    for name in ("half.json", "none.json"):
        with pytest.raises(DataError, match=name):
            store.read_json(name)
    with pytest.raises(DataError, match="sets/none"):
        store.fetch("sets/none")


def test_a_workspace_shows_what_is_there_and_keeps_what_was_done(store: Store) -> None:
    with store.workspace("sets/k") as folder:
        (folder / "generator").mkdir()
        (folder / "generator" / "checkpoint.pt").write_bytes(b"1")
        (folder / "train.jsonl").write_bytes(b"old\n")
    with store.workspace("sets/k") as folder:
        (folder / "generator" / "checkpoint.pt").unlink()
        (folder / "train.jsonl").write_bytes(b"new\n")
        (folder / "generator" / "generator.json").write_bytes(b"{}")
    assert list_files(store, "sets/k") == ["generator/generator.json", "train.jsonl"]
    assert (store.fetch("sets/k") / "train.jsonl").read_bytes() == b"new\n"


def test_a_copy_follows_the_store(store: Store) -> None:
    store.write_text("sets/k/train.jsonl", "one\n")
    store.write_text("sets/k/old.jsonl", "")
    assert store.fetch("sets/k/train.jsonl").read_text() == "one\n"
    assert (store.fetch("sets/k") / "old.jsonl").exists()
    store.write_text("sets/k/train.jsonl", "two, longer\n")
    with store.workspace("sets/k") as folder:
        (folder / "old.jsonl").unlink()
    folder = store.fetch("sets/k")
    assert [path.name for path in folder.iterdir()] == ["train.jsonl"]
    assert (folder / "train.jsonl").read_text() == "two, longer\n"


def test_another_process_finds_the_same_place(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store.write_text("a", "1")
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickle.dumps(store)).fetch("a").read_text() == "1"


def test_a_relative_folder_stays_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store("runs/mini")
    monkeypatch.chdir("/")
    store.write_text("a", "1")
    assert (tmp_path / "runs/mini/a").read_text() == "1"


def test_a_folder_is_its_own_workspace_and_copy(tmp_path: Path) -> None:
    for store in (Store(tmp_path), Store(f"file://{tmp_path}")):
        with pytest.raises(KeyError):
            fail_after_writing(store)
        assert store.fetch("sets/k/shard") == tmp_path / "sets/k/shard"


def test_failed_work_uploads_nothing() -> None:
    store = Store(f"memory:///{uuid.uuid4().hex}")
    with pytest.raises(KeyError):
        fail_after_writing(store)
    assert not store.exists("sets/k")


def test_an_upload_that_breaks_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"local://{tmp_path}")
    store.write_text("sets/a.json", "old")
    copy = LocalFileSystem.put_file

    def break_off(self: Any, source: str, target: str, **options: Any) -> None:
        copy(self, source, target, **options)
        Path(target).write_text("ha")
        raise OSError("connection lost")

    monkeypatch.setattr(LocalFileSystem, "put_file", break_off)
    with pytest.raises(OSError, match="connection lost"):
        store.write_text("sets/a.json", "new")
    assert [(path.name, path.read_text()) for path in (tmp_path / "sets").iterdir()] == [("a.json", "old")]


def test_files_that_say_that_others_are_complete_go_up_last(monkeypatch: pytest.MonkeyPatch) -> None:
    store, order = Store(f"memory:///{uuid.uuid4().hex}"), []
    upload = Store.upload
    monkeypatch.setattr(Store, "upload", lambda self, path, name: (order.append(name), upload(self, path, name)))
    with store.workspace("g") as folder:
        for name in ("a.json", "z.safetensors", "b.jsonl"):
            (folder / name).write_text(name)
    assert order == ["g/b.jsonl", "g/z.safetensors", "g/a.json"]


def test_unknown_urls_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        Store("nowhere://bucket/grid")


@pytest.mark.parametrize(("kind", "package"), [("s3", "s3fs"), ("gs", "gcsfs")])
def test_a_bucket_without_its_package_says_which_extra_has_it(
    kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r'pip install "dawgen\[cloud\]"'):
        Store(f"{kind}://bucket/grid")
