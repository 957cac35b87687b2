"""Every kind of file gives the same examples, and every fault one message with its place."""

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

import dawgen
from dawgen.data import read, read_rows
from dawgen.errors import ConfigError, DataError
from dawgen.records import Example
from dawgen.tasks import Task

PAIRS = [
    Example('He said "no", twice.', "He spoke.\nOnce?", "entailment"),
    Example("Ein Mädchen schläft, tief.", "Nobody\tsleeps", "contradiction"),
    Example("A cat", "A dog", "neutral"),
]
ROWS = [{"text1": pair.text1, "text2": pair.text2, "label": pair.label} for pair in PAIRS]


def write_delimited(delimiter: str) -> str:
    quoted = [[f'"{value.replace(chr(34), chr(34) * 2)}"' for value in row.values()] for row in ROWS]
    return "\n".join(delimiter.join(cells) for cells in [["text1", "text2", "label"], *quoted]) + "\n"


TEXTS = {
    "x.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "x.ndjson": "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS),
    "lines.json": "\n\n".join(json.dumps(row) for row in ROWS),
    "array.json": json.dumps(ROWS, indent=1),
    "x.csv": write_delimited(","),
    "x.tsv": write_delimited("\t"),
    "X.CSV": write_delimited(",").replace("\n", "\r\n").replace("spoke.\r\n", "spoke.\n"),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "bom"])
def test_text_formats_agree(tmp_path: Path, name: str, start: str) -> None:
    (tmp_path / name).write_bytes((start + TEXTS[name]).encode())
    assert read(tmp_path / name) == PAIRS


@pytest.mark.parametrize("name", TEXTS)
def test_gzip_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(TEXTS[name].encode()))
    assert read(str(path)) == PAIRS


def test_parquet_is_read(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet") == PAIRS


def test_public_name_is_the_reader() -> None:
    assert dawgen.read is read


def test_places_are_lines(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(TEXTS["x.csv"])
    assert [row.where.rpartition(":")[2] for row in read_rows(tmp_path / "x.csv")] == ["2", "4", "5"]
    (tmp_path / "x.jsonl").write_text("\n" + TEXTS["x.jsonl"])
    assert [row.where.rpartition(":")[2] for row in read_rows(tmp_path / "x.jsonl")] == ["2", "3", "4"]


def test_texts_change_only_at_their_ends(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text1,label\n  two  spaces\u00a0 ,a\nB,b\n")
    assert read(tmp_path / "x.csv")[0] == Example("two  spaces", None, "a")


def test_line_separators_inside_json_strings_do_not_split(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text1": "a\u2028b", "label": "x"}\n{"text1": "c", "label": "y"}\n')
    assert [row.text1 for row in read(tmp_path / "x.jsonl")] == ["a\u2028b", "c"]


def test_columns_are_mapped(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,premise,hypothesis,gold\n1,A,B,yes\n2,C,D,no\n")
    columns = {"text1": "premise", "text2": "hypothesis", "label": "gold"}
    assert read(tmp_path / "x.csv", columns=columns) == [Example("A", "B", "yes"), Example("C", "D", "no")]


def test_columns_and_numbers_of_the_task_are_known(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("sentence1,sentence2,label,idx\nA,B,1,0\nC,D,0,1\nE,F,-1,2\n")
    found = read(tmp_path / "x.csv", task=Task.load("mrpc"))
    assert found == [Example("A", "B", "equivalent"), Example("C", "D", "not_equivalent")]


def test_numbers_are_labels_and_class_names_are_used(tmp_path: Path) -> None:
    rows = [{"text1": "A", "label": 0}, {"text1": "B", "label": 1}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row.label for row in read(tmp_path / "x.jsonl")] == ["0", "1"]
    features = {
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
        "text1": {"dtype": "string", "_type": "Value"},
    }
    table = pyarrow.Table.from_pylist(rows).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    assert [row.label for row in read(tmp_path / "x.parquet")] == ["bad", "good"]


def test_texts_without_labels(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("A first text.\n\nAnother, with commas.\n")
    (tmp_path / "x.jsonl").write_text('{"text": "A first text.", "source": 3}\n{"text": "Another, with commas."}\n')
    expected = [Example("A first text."), Example("Another, with commas.")]
    assert read(tmp_path / "x.txt", need_label=False) == expected
    assert read(tmp_path / "x.jsonl", need_label=False) == expected


GOOD = {"text1": "A", "text2": "B", "label": "entailment"}

# A second row of a JSON Lines file whose first row is GOOD, and what is said about it.
BAD_ROWS = {
    "not json": ('{"text1": "A", "text2": "B"', "expected JSON"),
    "not an object": ('["A", "B"]', "expected a JSON object"),
    "missing column": ({"text1": "A", "text2": "B", "labels": "neutral"}, "'label'; .*did you mean labels?"),
    "unknown label": (GOOD | {"label": "neutrall"}, "unknown label 'neutrall' .*did you mean neutral?"),
    "no label": (GOOD | {"label": None}, "expected a label in column 'label', found none"),
    "empty label": (GOOD | {"label": " "}, "found none.\nGive the row a label, or leave rows without one out: --set"),
    "list for a label": (GOOD | {"label": ["neutral"]}, "expected a label in column 'label', found a list"),
    "empty text": (GOOD | {"text1": " "}, "expected a text in column 'text1', found an empty one"),
    "empty second text": (GOOD | {"text2": ""}, "expected a text in column 'text2', found an empty one"),
    "number for a text": (GOOD | {"text1": 3.5}, "expected a text in column 'text1', found the number 3.5"),
    "number for a second text": (GOOD | {"text2": 7}, "expected a text in column 'text2', found the number 7"),
    "null for a text": (GOOD | {"text1": None}, "expected a text in column 'text1', found nothing"),
    "half a character": (GOOD | {"text1": "\ud83d"}, "half a character"),
    "one text among pairs": ({"text1": "A", "label": "neutral"}, "expected a pair as in .*x.jsonl:1, found one text"),
}


@pytest.mark.parametrize(("row", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_faults_of_a_row_are_named_with_its_line(tmp_path: Path, row: object, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{row if isinstance(row, str) else json.dumps(row)}\n")
    check_fault(path, f"x.jsonl:2: .*{message}")


BAD_FILES = {
    "empty": ("x.jsonl", b"", "x.jsonl: expected examples, found none"),
    "header only": ("x.csv", b"text1,text2,label\n", "x.csv: expected examples, found none"),
    "wrong column": ("x.csv", b"text1,text2,lable\nA,B,neutral\n", "x.csv:2: .*'label'.*did you mean lable?"),
    "latin-1": ("x.jsonl", b'{}\n{"text1": "\xe9"}', "x.jsonl:2: expected UTF-8, found byte 0xe9 at byte 11 of"),
    "half a utf-16": ("x.csv", "text1,text2,label\n".encode("utf-16")[:-1], "x.csv: expected text in UTF-16"),
    "too many cells": ("x.csv", b"text1,text2,label\nA,B,neutral\nA, B,C,neutral\n", "x.csv:3: expected 3 cells"),
    "open quote": ("x.csv", b'text1,text2,label\n"A","B,neutral\n', "x.csv:2: expected cells that are quoted well"),
    "equal columns": ("x.csv", b"text1,text1,label\nA,B,neutral\n", "x.csv:1: expected a header of different"),
    "not an array": ("x.json", f'[{json.dumps(GOOD)},\n{{"text1" "B"}}]'.encode(), "x.json:2: expected JSON"),
    "half an array": ("x.json", f"[{json.dumps(GOOD)},\n".encode(), "x.json:2: expected JSON"),
    "not gzip": ("x.csv.gz", b"text1,text2,label\n", "x.csv.gz: expected a whole gzip file"),
    "half a gzip": ("x.tsv.gz", gzip.compress(b"text1\ttext2\n" * 99)[:16], "x.tsv.gz: expected a whole gzip file"),
    "not parquet": ("x.parquet", b"PAR1 but not really", "x.parquet: expected a Parquet file"),
    "unknown kind": ("x.docx", b"?", "x.docx: expected a file that ends in .jsonl"),
}


@pytest.mark.parametrize(("name", "data", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_faults_of_a_file_are_named(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    check_fault(tmp_path / name, message)


def check_fault(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=message.replace("?", r"\?")) as caught:
        read(path, task=Task.load("mnli"))
    assert caught.value.exit_status == 2
    assert str(caught.value).count("\n") <= 1


def test_the_sound_file_beside_the_faults(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(GOOD))
    assert read(tmp_path / "x.jsonl", task=Task.load("mnli")) == [Example("A", "B", "entailment")]


def test_one_label_only(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(f"{json.dumps(GOOD)}\n" * 3)
    with pytest.raises(DataError, match=r"x\.jsonl: expected two labels or more, found only 'entailment' in 3 rows"):
        read(tmp_path / "x.jsonl")


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text1,label\n")
    with pytest.raises(DataError, match=r"trian\.csv: there is no such file; .*did you mean train\.csv\?"):
        read(tmp_path / "trian.csv")
    with pytest.raises(DataError, match="there is no such file"):
        read(str(tmp_path / "nowhere" / "train.csv"))


def test_second_text_in_a_task_for_one(tmp_path: Path) -> None:
    task = Task.from_examples([Example("A", None, "entailment"), Example("B", None, "neutral")])
    (tmp_path / "x.jsonl").write_text(json.dumps(GOOD))
    with pytest.raises(DataError, match=r"x\.jsonl:1: expected one text for task 'custom'"):
        read(tmp_path / "x.jsonl", task=task)


def test_unknown_field_in_columns(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(GOOD))
    with pytest.raises(ConfigError, match=r"unknown field 'text3'.*did you mean"):
        read(tmp_path / "x.jsonl", columns={"text3": "premise"})


def test_mapped_column_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(GOOD))
    with pytest.raises(DataError, match="expected a column 'premise'; there are text1, text2, label"):
        read(tmp_path / "x.jsonl", columns={"text1": "premise"})
