"""Datasets in folders are read from disk; the hub is asked for names only, and its failure is one message."""

from pathlib import Path
from typing import Any

import datasets
import pytest
from huggingface_hub import HfApi, constants

from dawgen.data import read
from dawgen.data.hub import is_hub_name
from dawgen.errors import DataError
from dawgen.records import Example
from dawgen.tasks import Task


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub answers that it has every dataset."""
    monkeypatch.setattr(HfApi, "dataset_info", lambda *_, **__: None)


EXPECTED = [Example("A", "B", "no"), Example("C", "D", "yes")]


def make_dataset() -> datasets.Dataset:
    features = datasets.Features(
        {
            "text1": datasets.Value("string"),
            "text2": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
        }
    )
    return datasets.Dataset.from_dict({"text1": ["A", "C"], "text2": ["B", "D"], "label": [0, 1]}, features=features)


def test_saved_dataset(tmp_path: Path) -> None:
    make_dataset().save_to_disk(tmp_path / "one")
    assert read(tmp_path / "one") == EXPECTED


def test_saved_splits(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": make_dataset(), "test": make_dataset()}).save_to_disk(tmp_path / "two")
    assert read(tmp_path / "two", split="test") == EXPECTED
    with pytest.raises(DataError, match="expected one split, found train, test"):
        read(tmp_path / "two")
    with pytest.raises(DataError, match=r"expected a split 'tset'; .*did you mean test\?"):
        read(tmp_path / "two", split="tset")


@pytest.mark.parametrize("folder", [".", "data"])
def test_files_per_split(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    for number, part in enumerate([make_dataset().select([0]), make_dataset().select([1])]):
        part.to_parquet(tmp_path / folder / f"train-0000{number}-of-00002.parquet")
    (tmp_path / folder / "validation.csv").write_text("text1,text2,label\nE,F,yes\nG,H,no\n")
    assert read(tmp_path, split="train") == EXPECTED
    assert read(tmp_path, split="validation") == [Example("E", "F", "yes"), Example("G", "H", "no")]


def test_empty_and_damaged_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a saved dataset or data files in the folder, found none"):
        read(tmp_path)
    (tmp_path / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match="expected a dataset saved by"):
        read(tmp_path)


def test_hub_names() -> None:
    assert is_hub_name("nyu-mll/glue")
    assert is_hub_name("nyu-mll/glue:mrpc")
    assert not any(
        map(is_hub_name, ["train", "./nyu-mll/glue", "data/train.csv", "a/b/c", "../x/y", "x/train.jsonl.gz"])
    )


@pytest.mark.usefixtures("reachable")
def test_hub_is_asked_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*names: Any, **options: Any) -> datasets.DatasetDict:
        asked.append((names, options))
        renamed = make_dataset().rename_columns({"text1": "sentence_A", "text2": "sentence_B"})
        return datasets.DatasetDict({"train": renamed, "validation_matched": renamed})

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert len(read("RobZamp/sick", task=Task.load("sick"), split="train")) == 2
    assert asked == [(("RobZamp/sick", None), {"revision": "refs/convert/parquet"})]
    columns = {"text1": "sentence_A", "text2": "sentence_B"}
    assert read("some/set:part", columns=columns, split="train") == EXPECTED
    assert asked[-1] == (("some/set", "part"), {"revision": None})
    assert len(read("nyu-mll/glue", task=Task.load("mnli"), columns=columns, split="validation")) == 2
    assert asked[-1] == (("nyu-mll/glue", "mnli"), {"revision": None})


@pytest.mark.usefixtures("reachable")
def test_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach 'some/set' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(
        DataError, match="some/set: there is no such file, and it cannot be loaded from the Hugging Face Hub"
    ):
        read("some/set")


def test_without_a_network_the_hub_is_asked_for_a_dataset_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def fail(_: Any, name: str, **options: Any) -> None:
        asked.append(name)
        raise OSError("no route to host")

    monkeypatch.setattr(HfApi, "dataset_info", fail)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("tried again and again"))
    with pytest.raises(DataError, match="nobody/such-set: there is no such file.* does not answer .no route to host"):
        read("nobody/such-set")
    assert asked == ["nobody/such-set"]


def test_mistyped_paths_never_reach_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("asked the hub for a path"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("data/train", "train", "data/train.csv"):
        with pytest.raises(DataError, match="there is no such file"):
            read(name)
