"""Text files are read line by line, and what is wrong is said with its line when it is reached."""

import gzip
from pathlib import Path

import pytest

from dawgen.data.lines import iterate_lines
from dawgen.errors import DataError


def test_lines_come_before_what_is_wrong_behind_them(tmp_path: Path) -> None:
    long = b"x" * 10_000 + b"\n"
    (tmp_path / "x.txt").write_bytes("ä\n".encode() + long * 5 + b"caf\xe9\n" + long)
    lines = iterate_lines(tmp_path / "x.txt")
    assert next(lines) == "ä\n"
    with pytest.raises(
        DataError, match=r"x.txt:7: expected UTF-8, found byte 0xe9 at byte 3 of the line \(byte 50011 "
    ):
        list(lines)


def test_half_a_character_at_the_end_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("one\nä".encode()[:-1])
    with pytest.raises(DataError, match="x.txt:2: expected UTF-8, found byte 0xc3 at byte 0"):
        list(iterate_lines(tmp_path / "x.txt"))


def test_half_a_gzip_gives_its_lines_then_says_so(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(f"row {number}\n".encode() for number in range(100_000)))
    (tmp_path / "x.txt.gz").write_bytes(whole[: len(whole) // 2])
    lines = iterate_lines(tmp_path / "x.txt.gz")
    assert [next(lines) for _ in range(1000)][-1] == "row 999\n"
    with pytest.raises(DataError, match="expected a whole gzip file"):
        list(lines)


@pytest.mark.parametrize("newline", ["", "\n"])
def test_marks_and_ends_of_lines(tmp_path: Path, newline: str) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xef\xbb\xbfone\rtwo\r\nthree")
    expected = ["one\r", "two\r\n", "three"] if newline == "" else ["one\rtwo\r\n", "three"]
    assert list(iterate_lines(tmp_path / "x.txt", newline)) == expected


def test_a_separator_that_json_allows_ends_no_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("one\u2028two\x85three\n", encoding="utf-8")
    assert list(iterate_lines(tmp_path / "x.txt")) == ["one\u2028two\x85three\n"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (gzip.compress(b"text,label\na,x\nb,y\n", mtime=0), "a gzip file"),
        (b"PK\x03\x04\x14\x00\xb3", "an Excel workbook"),
        (b"PAR1\x15\x80", "a Parquet file"),
    ],
)
def test_a_file_of_another_kind_is_not_taken_for_another_encoding(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(DataError, match=kind) as caught:
        list(iterate_lines(tmp_path / "x.csv"))
    assert "cp1252" not in str(caught.value)
