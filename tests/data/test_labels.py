"""What a value of a label column stands for: classes, codes that are none, the user's mapping, and twins."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from dawgen.data import Remarks, read
from dawgen.data.labels import find_twins
from dawgen.errors import DataError
from dawgen.records import Example
from dawgen.tasks import Task

FOOD = Task.from_examples([Example("a", None, "food"), Example("b", None, "sport")])
TRUTH = Task.from_examples([Example("a", None, "true"), Example("b", None, "false")])


def write_labels(folder: Path, labels: list[Any]) -> Path:
    """Write a JSON Lines file with a row per label."""
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps({"text": f"t{n}", "label": label}) + "\n" for n, label in enumerate(labels)))
    return path


def write_classes(folder: Path, codes: list[Any]) -> Path:
    """Write a Parquet file as `datasets` does, whose label column has the classes bad and good."""
    features = {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}
    table = pyarrow.table({"text": [f"t{n}" for n in range(len(codes))], "label": codes})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, folder / "x.parquet")
    return folder / "x.parquet"


def read_labels(path: Path, task: Task | None = None, **labels: str | None) -> list[str | None]:
    return [row.label for row in read(path, task=task, columns={"labels": labels}, remarks=Remarks())]


@pytest.mark.parametrize("code", [-1, 2, -100, 255])
def test_a_number_outside_the_classes_is_no_class(tmp_path: Path, code: int) -> None:
    path = write_classes(tmp_path, [0, 1, code, 1])
    with pytest.raises(DataError, match=rf"row 3: .*0 to 1 \(bad, good\), found {code}, which stands for no class"):
        read(path)
    assert read_labels(path, **{str(code): None}) == ["bad", "good", "good"]
    assert read_labels(path, **{str(code): "odd"}) == ["bad", "good", "odd", "good"]


def test_rows_that_are_left_out_are_counted_and_said(tmp_path: Path) -> None:
    remarks = Remarks()
    read(write_classes(tmp_path, [0, -1, 1, -1]), columns={"labels": {"-1": None}}, remarks=remarks)
    assert remarks.notes == [f"{tmp_path / 'x.parquet'}: rows left out for their label: 2 with '-1'"]
    with pytest.raises(DataError, match="found none but 2 without a label"):
        read(write_classes(tmp_path, [-1, -1]), columns={"labels": {"-1": None}}, remarks=remarks)


def test_a_class_is_mapped_by_its_name_or_its_number(tmp_path: Path) -> None:
    assert read_labels(write_classes(tmp_path, [0, 1]), good="fine") == ["bad", "fine"]
    assert read_labels(write_classes(tmp_path, [0, 1]), **{"1": "fine"}) == ["bad", "fine"]


TWINS = {
    "case": (["food", "Food", "sport"], [["food", "Food"]]),
    "spaces nobody sees": (["pos", "pos\u200b", "neg"], [["pos", "pos\u200b"]]),
    "a byte order mark": (["\ufeffpos", "pos", "neg"], [["\ufeffpos", "pos"]]),
    "numbers": (["1", "1.0", "0", "2"], [["1", "1.0"]]),
    "truth": (["true", "True", "false"], [["true", "True"]]),
    "truth and numbers": (["True", "1", "0"], [["True", "1"]]),
    "composition": (["café", "cafe\u0301", "tea"], [["café", "cafe\u0301"]]),
    "width": (["\uff21\uff22", "AB", "C"], [["\uff21\uff22", "AB"]]),
    "joints": (["not_spam", "not spam", "not-spam", "spam"], [["not_spam", "not spam", "not-spam"]]),
    "two groups": (["A", "a", "B", "b"], [["A", "a"], ["B", "b"]]),
    "quotes": (["pos", '"pos"', "neg"], [["pos", '"pos"']]),
    "signs": (["1", "-1", "+", "-", "C++", "C#", "😀", "😡"], []),
    "other words": (["true", "yes", "positive", "1a"], []),
}


@pytest.mark.parametrize(("labels", "groups"), TWINS.values(), ids=TWINS)
def test_labels_that_look_like_one_are_one_warning_with_their_counts(
    tmp_path: Path, labels: list[str], groups: list[list[str]]
) -> None:
    assert [list(twins) for twins in find_twins(dict.fromkeys(labels, 1))] == groups
    remarks = Remarks()
    path = write_labels(tmp_path, [*labels, labels[0]])
    read(path, remarks=remarks)
    assert len(remarks.warnings) == bool(groups)
    if groups:
        assert f"{groups[0][0]!r} (" in remarks.warnings[0] and f"{groups[0][1]!r} (1 row)" in remarks.warnings[0]


def test_the_mapping_of_the_warning_makes_one_label_of_the_twins(tmp_path: Path) -> None:
    path = write_labels(tmp_path, ["pos", "Pos", "pos\u200b", "pos", "neg"])
    remarks = Remarks()
    read(path, remarks=remarks)
    said = remarks.warnings[0].partition("--columns '")[2].removesuffix("')")
    assert {row.label for row in read(path, columns=json.loads(said), remarks=remarks)} == {"pos", "neg"}
    assert len(remarks.warnings) == 1


def test_a_label_that_only_looks_like_one_of_the_task_is_refused_with_the_mapping(tmp_path: Path) -> None:
    path = write_labels(tmp_path, ["food", "Sport"])
    with pytest.raises(DataError, match=r'unknown label .Sport. .*\n.*columns.labels=.\{"Sport": "sport"\}'):
        read(path, task=FOOD)
    assert read_labels(path, FOOD, Sport="sport") == ["food", "sport"]


def test_true_and_false_are_the_words_that_a_task_has(tmp_path: Path) -> None:
    assert read_labels(write_labels(tmp_path, [True, False])) == ["True", "False"]
    assert read_labels(write_labels(tmp_path, [True, False]), TRUTH) == ["true", "false"]
    assert read_labels(write_labels(tmp_path, [True, False]), true="yes", false="no") == ["yes", "no"]


def test_labels_with_a_point_are_refused_with_advice_or_mapped(tmp_path: Path) -> None:
    path = write_labels(tmp_path, [1.0, 0.0])
    with pytest.raises(DataError, match=r"x\.jsonl:1: .*found the number 1\.0\.\n.*astype\(int\).*columns.labels="):
        read(path)
    assert read_labels(path, **{"1.0": "yes", "0.0": "no"}) == ["yes", "no"]
    with pytest.raises(DataError, match=r"found the number 0\.37\.\n.*ranges of numbers a name"):
        read(write_labels(tmp_path, [0.37]))
    (tmp_path / "x.jsonl").write_text('{"text": "a", "label": NaN}')
    with pytest.raises(DataError, match=r"found none \(NaN\)"):
        read(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("label", "said"),
    [("\ud800", "half a character"), (10**500, "the number of 1661 bits"), ({"a": 1}, "an object"), ("\u200b", None)],
    ids=["half", "huge", "object", "invisible"],
)
def test_what_is_no_label_is_named(tmp_path: Path, label: Any, said: str | None) -> None:
    path = write_labels(tmp_path, ["a", label])
    if said is None:
        assert read_labels(path) == ["a", label]
        return
    with pytest.raises(DataError, match=rf"x\.jsonl:2: expected a label in column 'label', found .*{said}"):
        read(path)
