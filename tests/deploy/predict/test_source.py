"""The rows to label are checked from end to end, and never all in memory."""

import csv
import gzip
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from dawgen.deploy.predict.source import Source
from dawgen.errors import DataError
from support.targets import make_task

PAIRS = make_task()
TEXTS = make_task(template="{text1} {mask}", pair=False)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows in the way that the name says."""
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=len(rows))
    elif ".csv" in path.name:
        with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl.gz", "x.parquet"])
def test_facts_do_not_depend_on_the_kind_of_file(tmp_path: Path, rows: list[dict[str, Any]], name: str) -> None:
    expected = Source(str(write(tmp_path / "x.jsonl", rows)), PAIRS).check()
    found = Source(str(write(tmp_path / name, rows)), PAIRS).check()
    assert (found.rows, found.texts) == (50, expected.texts)
    assert list(found.columns) == ["id", "text1", "text2", "label"]
    assert expected.columns["id"] == "int"


def test_other_texts_and_another_order_are_other_rows(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    turned = [rows[1], rows[0], *rows[2:]]
    # What stands in text1 and what in text2 counts too.
    moved = [rows[0] | {"text1": rows[0]["text1"] + "', '", "text2": rows[0]["text2"]}, *rows[1:]]
    other = [*rows[:-1], rows[-1] | {"text2": "no"}]
    relabelled = [row | {"label": "new", "id": 0} for row in rows]
    found = [
        Source(str(write(tmp_path / f"{n}.jsonl", some)), PAIRS).check().texts
        for n, some in enumerate([rows, turned, moved, other, relabelled])
    ]
    assert len(set(found)) == 4
    assert found[0] == found[4]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], "int"),
        ([1, 2.5], "float"),
        ([None, None], "null"),
        (["a", None], "text"),
        ([True, False], "bool"),
        ([True, 1], "mixed"),
        (["1", 1, 1], "mixed"),
        ([[1], {"a": 1}], "nested"),
    ],
)
def test_a_column_is_of_one_kind_or_mixed(tmp_path: Path, values: list[Any], kind: str) -> None:
    path = write(tmp_path / "x.jsonl", [{"text1": f"a dog {n}", "v": value} for n, value in enumerate(values)])
    assert Source(str(path), TEXTS).check().columns["v"] == kind


def test_what_is_wrong_is_named_with_its_row(tmp_path: Path) -> None:
    good = [{"text1": f"a dog {number}", "note": "x"} for number in range(9)]
    faults = {
        "empty": ({"text1": " ", "note": "x"}, "x.jsonl:10: expected a text in column 'text1', found an empty one"),
        "half": ({"text1": "a", "note": "\ud800"}, "x.jsonl:10: column 'note' holds half a character"),
        "pair": ({"text1": "a", "text2": "b"}, "x.jsonl:10: expected one text as in"),
    }
    for fault, message in faults.values():
        with pytest.raises(DataError, match=message):
            Source(str(write(tmp_path / "x.jsonl", [*good, fault])), TEXTS).check()


def test_chunks_are_the_rows_in_order(source: Path, rows: list[dict[str, Any]]) -> None:
    chunks = list(Source(str(source), PAIRS).iterate_chunks(16))
    assert [len(chunk) for chunk in chunks] == [16, 16, 16, 2]
    assert [example.text2 for chunk in chunks for example in chunk] == [row["text2"] for row in rows]
    assert all(example.label is None for chunk in chunks for example in chunk)


def test_a_change_meanwhile_is_seen(source: Path) -> None:
    found = Source(str(source), PAIRS)
    found.check_unchanged()
    os.utime(source, ns=(1, 1))
    with pytest.raises(DataError, match="changed while it was labelled"):
        found.check_unchanged()


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.jsonl.gz", "x.parquet"])
def test_memory_is_flat(tmp_path: Path, name: str) -> None:
    def measure(count: int) -> int:
        some = [{"text1": f"a dog {number} " + "runs " * 20, "id": number} for number in range(count)]
        found = Source(str(write(tmp_path / name, some)), TEXTS)
        del some
        tracemalloc.start()
        assert found.check().rows == count
        assert sum(map(len, found.iterate_chunks(100))) == count
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    measure(100)  # imports
    # A Parquet file is read in batches of 4,096 rows.
    assert measure(20_000) < 1.2 * measure(5_000)


def test_the_dialect_is_found_said_once_and_can_be_chosen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.csv"
    path.write_text('id;text;note;\n1;a, b;"c;d";\n2;"e";;\n;;;\n')
    found = Source(str(path), TEXTS)
    facts = found.check()
    assert (facts.rows, list(facts.columns)) == (2, ["id", "text", "note"])
    assert [fields for fields, _ in found.iterate()] == [
        {"id": "1", "text": "a, b", "note": "c;d"},
        {"id": "2", "text": "e", "note": ""},
    ]
    assert len(caplog.records) == 3 and "semicolon" in caplog.text and "1 empty row" in caplog.text
    path.write_text('text,n\n"a\tb",1\nc,2,3\n')
    with pytest.raises(DataError, match=r"x\.csv:3: expected 2 cells"):
        Source(str(path), TEXTS).check()
    path.write_text('text\tn\n"a\t1\nb\t2\nc"\t3\n')
    with pytest.raises(DataError, match="expected one way to read the row"):
        Source(str(path), TEXTS).check()
    assert Source(str(path), TEXTS, {"quoting": "none"}).check().rows == 3
