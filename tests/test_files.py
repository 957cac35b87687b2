"""Files are read with their name in every error."""

from pathlib import Path

import pytest

from dawgen.errors import DataError
from dawgen.files import read_json, split_name, write_json


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"é": [1, None]})
    assert read_json(tmp_path / "deep" / "a.json") == {"é": [1, None]}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "a.json: expected a file with JSON"),
        (b'{"a": 1', "a.json: expected a file with JSON"),
        (b"\xff", "a.json: expected a file with JSON"),
        (b"[1]", "a.json: expected a JSON object, found list. Start again."),
    ],
)
def test_a_missing_or_damaged_file_is_named_with_what_to_do(tmp_path: Path, data: bytes | None, said: str) -> None:
    if data is not None:
        (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        read_json(tmp_path / "a.json", " Start again.")
    assert str(caught.value).endswith("Start again.")


def test_a_name_before_a_path_is_split_off_unless_the_whole_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    assert split_name(f"{tmp_path}/a=b") == (None, f"{tmp_path}/a=b")
    assert split_name("x=y=z") == ("x", "y=z")
    assert split_name("plain") == (None, "plain")
