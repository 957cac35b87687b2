"""Shards are whole, never change, and belong to one group of settings; the manifest says when they are complete."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.data import ShardStore
from dawgen.errors import ConfigError, DataError
from dawgen.files import hash_file
from dawgen.records import Candidate, Example

SETTINGS: dict[str, Any] = {"seed": 13, "labels": ("yes", "no"), "decode": {"top_k": 10, "top_p": 1.0}}
CANDIDATES = [
    Candidate(Example("A man sleeps.", "Er schläft.\u2028", "yes"), True, 4, (-1.25, -0.1 - 0.2)),
    Candidate(Example("A man sleeps.", "", "no"), False, 50, None),
    Candidate(Example("Alone.", None, "no")),
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
floats = st.floats(allow_nan=False, allow_infinity=False)
candidates = st.builds(
    Candidate,
    st.builds(Example, texts, st.none() | texts, st.none() | texts),
    st.booleans(),
    st.integers(0, 99),
    st.none() | st.tuples(floats, floats),
)


@given(st.lists(candidates, max_size=4))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[Candidate]) -> None:
    folder = tmp_path_factory.mktemp("store")
    ShardStore(folder, SETTINGS).write(3, rows)
    assert ShardStore(folder, SETTINGS).read(3) == rows


def test_order_of_writing_does_not_matter(tmp_path: Path) -> None:
    for name, order in (("a", [0, 1]), ("b", [1, 0])):
        store = ShardStore(tmp_path / name, SETTINGS)
        for index in order:
            store.write(index, CANDIDATES[index:])
        store.finish({"kept": 2})
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_life_of_a_store(tmp_path: Path) -> None:
    store = ShardStore(tmp_path / "raw", SETTINGS)
    assert store.read(0) is None
    store.write(0, CANDIDATES)
    (tmp_path / "raw" / ".shard-00001.jsonl.7.tmp").write_text("half of a ro")
    again = ShardStore(tmp_path / "raw", SETTINGS)
    assert again.read(0) == CANDIDATES
    assert not again.complete
    again.finish({"kept": 2})
    assert ShardStore(tmp_path / "raw", SETTINGS).complete
    assert {path.name for path in (tmp_path / "raw").iterdir()} == {
        "settings.json",
        "shard-00000.jsonl",
        "manifest.json",
    }
    manifest = json.loads((tmp_path / "raw" / "manifest.json").read_text())
    digest = hash_file(tmp_path / "raw" / "shard-00000.jsonl")
    assert manifest["shards"] == [{"file": "shard-00000.jsonl", "rows": 3, "sha256": digest}]
    assert (manifest["rows"], manifest["kept"]) == (3, 2)


def test_more_shards_make_it_unfinished(tmp_path: Path) -> None:
    store = ShardStore(tmp_path, SETTINGS)
    store.finish()
    store.write(0, CANDIDATES)
    assert not store.complete


def test_shards_never_change(tmp_path: Path) -> None:
    store = ShardStore(tmp_path, SETTINGS)
    store.write(0, CANDIDATES)
    with pytest.raises(DataError, match=r"shard-00000\.jsonl: expected a new shard"):
        store.write(0, CANDIDATES[:1])
    assert store.read(0) == CANDIDATES


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    ShardStore(tmp_path, SETTINGS)
    other = {"labels": ["yes", "no"], "decode": {"top_k": 5, "top_p": 1.0}, "model": "gpt2"}
    with pytest.raises(
        ConfigError, match=r"found changes: decode\.top_k 10 -> 5, model absent -> gpt2, seed 13 -> absent\n"
    ):
        ShardStore(tmp_path, other)
    ShardStore(tmp_path, json.loads(json.dumps(SETTINGS)))


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_finished_shards_are_checked(tmp_path: Path, damage: str) -> None:
    store = ShardStore(tmp_path / "raw", SETTINGS)
    store.write(0, CANDIDATES)
    store.finish()
    shutil.copytree(tmp_path / "raw", tmp_path / "sound")
    path = tmp_path / "raw" / "shard-00000.jsonl"
    if damage == "change":
        path.write_bytes(path.read_bytes().replace(b"man", b"boy"))
    else:
        path.unlink()
    with pytest.raises(DataError, match=r"shard-00000\.jsonl: expected the shard that manifest\.json records"):
        ShardStore(tmp_path / "raw", SETTINGS)
    assert ShardStore(tmp_path / "sound", SETTINGS).read(0) == CANDIDATES


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"text1": "A"}', b'{"text1": "\xff"}'], ids=["json", "array", "keys", "bytes"]
)
def test_damaged_rows_are_named(tmp_path: Path, line: bytes) -> None:
    store = ShardStore(tmp_path, SETTINGS)
    store.write(0, CANDIDATES[:1])
    path = tmp_path / "shard-00000.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(DataError, match=r"shard-00000\.jsonl: expected the shard as it was written, it has changed"):
        store.read(0)
    (tmp_path / "hashes.json").unlink()  # as shards of before have none
    with pytest.raises(DataError, match=r"shard-00000\.jsonl:2: expected a generated row"):
        ShardStore(tmp_path, SETTINGS).read(0)
