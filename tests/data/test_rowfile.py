"""A set on disk is a sequence of examples: rows are read when they are asked for, and little of it is in memory."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.data import FieldFile, RowFile, as_row
from dawgen.errors import DataError
from dawgen.files import hash_file
from dawgen.records import Example

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
examples = st.builds(Example, texts, st.none() | texts, st.none() | st.sampled_from(["yes", "no"]))
ROWS = [Example("A man sleeps.", "Er schläft.\u2028", "yes"), Example("Alone.", None, "no"), Example("b", "c", "yes")]


def write(path: Path, rows: list[Example]) -> Path:
    path.write_text("".join(json.dumps(as_row(row), ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@given(st.lists(examples, max_size=6))
def test_what_is_spooled_is_read_in_any_order(rows: list[Example]) -> None:
    file = RowFile.spool(rows, "set")
    assert [file[row] for row in reversed(range(len(rows)))] == rows[::-1]
    assert list(file) == rows == file[:]
    assert [file.names[number] for number in file.labels] == [row.label for row in rows]


def test_it_is_a_sequence_with_labels_and_the_hash_of_its_file(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", ROWS)
    file = RowFile(path)
    assert len(file) == 3 and bool(file) and not RowFile.spool([], "empty")
    assert file[-1] == ROWS[2] and file[1:] == ROWS[1:] and ROWS[1] in file
    assert file.names == ("yes", "no") and list(file.labels) == [0, 1, 0]
    assert file.sha256 == hash_file(path)
    with pytest.raises(IndexError):
        file[3]


def test_a_file_that_is_replaced_is_still_the_one_that_was_opened(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", ROWS)
    file = RowFile(path)
    write(tmp_path / "new.jsonl", ROWS[1:]).replace(path)
    assert list(file) == ROWS


@pytest.mark.parametrize(
    ("line", "expected"),
    [("{", "a JSON object"), ("[]", "a JSON object"), ('{"text2": "A"}', "an example")],
    ids=["json", "array", "keys"],
)
def test_damaged_rows_are_named(tmp_path: Path, line: str, expected: str) -> None:
    path = write(tmp_path / "train.jsonl", ROWS)
    path.write_text(path.read_text() + line)
    with pytest.raises(DataError, match=rf"train\.jsonl:4: expected {expected}"):
        RowFile(path)


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(["", *(json.dumps(as_row(row)) for row in ROWS), "", ""]))
    file = RowFile(path)
    assert list(file) == ROWS == [file[row] for row in range(3)]
    assert len(file.labels) == 3
    assert file.sha256 == hash_file(path)


def test_fields_are_given_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "dropped.jsonl"
    path.write_text('{"text1": "a", "reason": "copy"}\n\n{"score": 1}')
    assert list(FieldFile(path)) == [{"text1": "a", "reason": "copy"}, {"score": 1}]
    path.write_text('{"text1": "a"}\n[1]\n')
    with pytest.raises(DataError, match=r"dropped\.jsonl:2: expected a JSON object, got '\[1\]'"):
        list(FieldFile(path))


def test_memory_holds_places_and_labels_only() -> None:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    file = RowFile.spool((Example("a text of some length " * 5, "another", "yes") for _ in range(3000)), "set")
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(file) == 3000
    assert grown / 3000 < 20
