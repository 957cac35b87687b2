"""The output is the input with two more columns, in every pair of kinds."""

import csv
import datetime
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from dawgen.deploy.predict import write as module
from dawgen.deploy.predict.source import Source
from dawgen.deploy.predict.write import Predictions, check_out, write_output
from dawgen.errors import ConfigError, DataError
from support.targets import make_task

TASK = make_task(template="{text1} {mask}", pair=False)
ROWS = [{"id": 7, "text": ' a "dog", ', "label": "old"}, {"id": 8, "text": "zwei\nZeilen ü", "label": None}]
EXPECTED = [
    {"id": 7, "text": ' a "dog", ', "given_label": "old", "label": "different", "probability": 0.75},
    {"id": 8, "text": "zwei\nZeilen ü", "given_label": None, "label": "same", "probability": 0.5},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pyarrow.parquet.read_table(path).to_pylist())
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def predict(source: Path, out: Path, count: int) -> Predictions:
    """Write an output with predictions that are known."""
    values = itertools.islice(itertools.cycle([(1, 0.75, ()), (0, 0.5, ())]), count)
    predictions = Predictions(iter(values), TASK.labels)
    found = Source(str(source), TASK)
    write_output(out, out.suffix, found, found.check(), predictions)
    return predictions


@pytest.mark.parametrize(("given", "wanted"), list(itertools.product([".jsonl", ".csv", ".parquet"], repeat=2)))
def test_every_kind_to_every_kind(tmp_path: Path, given: str, wanted: str) -> None:
    source = write(tmp_path / f"in{given}", ROWS)
    predictions = predict(source, tmp_path / f"out{wanted}", 2)
    assert predictions.counts == {"different": 1, "same": 1}
    found, expected = read(tmp_path / f"out{wanted}"), EXPECTED
    assert list(found[0]) == list(expected[0])
    if ".csv" in (given, wanted):  # where all is text
        found, expected = (
            [{k: "" if v is None else str(v) for k, v in row.items()} for row in one] for one in (found, expected)
        )
    assert found == expected


def test_parquet_keeps_types_and_forgets_what_others_noted(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "when": pyarrow.array([datetime.datetime(2024, 1, 2)] * 3, pyarrow.timestamp("ms")),
            "text1": ["a", "b", "c"],
            "kind": pyarrow.array(["x", "y", "x"]).dictionary_encode(),
            "numbers": pyarrow.array([[1], [], None], pyarrow.list_(pyarrow.int8())),
            "label": pyarrow.array([0, 1, 0], pyarrow.int64()),
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": {"label": {"_type": "ClassLabel"}}}})})
    pyarrow.parquet.write_table(table.replace_schema_metadata(None), tmp_path / "in.parquet")
    predict(tmp_path / "in.parquet", tmp_path / "out.parquet", 3)
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert found.schema.names == ["when", "text1", "kind", "numbers", "given_label", "label", "probability"]
    for before, after in [("when", "when"), ("numbers", "numbers"), ("label", "given_label"), ("kind", "kind")]:
        assert found[after].type == table[before].type
        assert found[after].to_pylist() == table[before].to_pylist()
    assert found["label"].to_pylist() == ["different", "same", "different"]


def test_notes_of_other_libraries_do_not_hide_the_new_columns(tmp_path: Path) -> None:
    import datasets

    datasets.Dataset.from_list([{"text1": "a", "label": 0}]).cast_column(
        "label", datasets.ClassLabel(names=["same", "different"])
    ).to_parquet(tmp_path / "in.parquet")
    predict(tmp_path / "in.parquet", tmp_path / "out.parquet", 1)
    found = datasets.Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache"))
    assert found[0] == {"text1": "a", "given_label": 0, "label": "different", "probability": 0.75}


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    monkeypatch.setattr(module, "GROUP_ROWS", 40)
    rows = [{"text1": f"a dog {number}"} for number in range(105)]
    for name in ("in.parquet", "in.jsonl"):
        predict(write(tmp_path / name, rows), tmp_path / "out.parquet", 105)
        found = pyarrow.parquet.ParquetFile(tmp_path / "out.parquet").metadata
        assert [found.row_group(group).num_rows for group in range(found.num_row_groups)] == [40, 40, 25]


def test_json_has_what_json_can_hold(tmp_path: Path) -> None:
    day = datetime.date(2024, 1, 2)
    table = pyarrow.table({"text1": ["a"], "day": [day], "v": [float("nan")], "deep": [[float("inf"), 1.0]]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    predict(tmp_path / "in.parquet", tmp_path / "out.jsonl", 1)
    found = json.loads((tmp_path / "out.jsonl").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert (found["day"], found["v"], found["deep"]) == ("2024-01-02", None, [None, 1.0])


def test_columns_that_come_late_or_lack(tmp_path: Path) -> None:
    rows = [{"text1": "a"}, {"text1": "b", "n": 1}, {"n": 2, "text1": "c", "deep": {"q": [1]}}]
    for ending, expected in {".csv": ["", "1", "2"], ".parquet": [None, 1, 2], ".jsonl": ["absent", 1, 2]}.items():
        predict(write(tmp_path / "in.jsonl", rows), tmp_path / f"out{ending}", 3)
        found = read(tmp_path / f"out{ending}")
        assert [row.get("n", "absent") for row in found] == expected
        assert found[2]["deep"] == ({"q": [1]} if ending == ".jsonl" else '{"q": [1]}')


@pytest.mark.parametrize("name", ["in.jsonl", "in.parquet"])
def test_more_rows_than_predictions_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="changed meanwhile"):
        predict(write(tmp_path / name, ROWS), tmp_path / "out.parquet", 1)


def test_a_number_that_parquet_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Write .jsonl"):
        predict(write(tmp_path / "in.jsonl", [{"text1": "a", "n": 2**70}]), tmp_path / "out.parquet", 1)


def test_outputs_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    source = Source(str(write(tmp_path / "in.jsonl", ROWS)), TASK)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "other.jsonl").symlink_to(tmp_path / "in.jsonl")
    for name, message in {"x.txt": "ends in", "folder.csv": "a folder", "other.jsonl": "another file"}.items():
        with pytest.raises(ConfigError, match=message):
            check_out(tmp_path / name, source)
    check_out(tmp_path / "new.jsonl", source)
