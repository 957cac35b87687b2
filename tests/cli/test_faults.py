"""What goes wrong outside of dawgen is one message with the file and what to do, and output never ends a verb."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dawgen.cli import explain_failure, open_output
from dawgen.config import RunConfig
from dawgen.errors import ConfigError
from support.jobs import make_pairs, write_rows


@pytest.mark.parametrize(
    ("error", "said", "status"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: the disk is full.\nMake room", 1),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: no permission.\n", 1),
        (OSError(errno.EROFS, "Read-only file system", "a/b"), "a/b: its file system is read-only.\n", 1),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "a/b: a part of this path is a file", 1),
        (FileNotFoundError(errno.ENOENT, "No such file", "a/b"), "a/b: there is no such file or folder.\nCheck", 1),
        (OSError("Page was smaller than expected"), "OSError: Page was smaller than expected.", 1),
        (ConfigError("wrong"), "wrong", 2),
        (MemoryError(), "the memory is full.\n", 1),
        (KeyError("x"), "unexpected KeyError: 'x'\n", 1),
    ],
)
def test_every_failure_is_one_message(error: Exception, said: str, status: int) -> None:
    message, code = explain_failure(error)
    assert message.startswith(said)
    assert code == status
    assert "same command" not in message


def test_a_validation_error_names_the_setting_and_what_came() -> None:
    with pytest.raises(ValueError, match="shots") as caught:
        RunConfig.model_validate({"shots": "many"})
    message, status = explain_failure(caught.value)
    assert status == 2
    assert message.startswith("shots: ") and "'many'" in message and "pydantic" not in message


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "utf-8", "cp437"])
def test_output_in_any_encoding_takes_any_text(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", None)
    open_output()
    print("label хорошо 😀 ├ é \ud800")
    sys.stdout.flush()
    assert raw.getvalue().startswith(b"label ")
    print("nobody reads this", file=sys.stderr)
    sys.stderr.close()


@pytest.mark.parametrize(
    ("redirect", "status", "said"),
    [("| head -c 1", 0, ""), ("> /dev/full", 1, "the disk is full"), (">&-", 0, ""), ("2>&-", 0, "")],
)
def test_a_closed_or_full_output_gives_no_traceback(redirect: str, status: int, said: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m dawgen tasks {redirect}", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (status, False)
    assert said in done.stderr


@pytest.mark.parametrize("verb", ["run", "tune", "curate", "train", "generate", "draw"])
def test_an_out_that_is_a_file_is_named(dawgen: Any, tmp_path: Path, verb: str) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", make_pairs(12, 0))
    taken = tmp_path / "taken"
    taken.write_text("mine")
    arguments = {
        "curate": (rows, "--real", rows),
        "generate": (tmp_path / "gen", "--per-label", 1),
        "draw": ("scenes-nli",),
        "train": ("--train", rows, "--method", "prompt_tuning"),
    }
    status, _, err = dawgen(verb, *arguments.get(verb, ("--train", rows)), "--out", taken)
    assert status == 2
    assert f"{taken}: expected a folder, found a file" in err
    assert taken.read_text() == "mine"


def test_curate_leaves_the_users_own_set_alone(dawgen: Any, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    mine = write_rows(own / "train.jsonl", make_pairs(9, 1))
    real = write_rows(tmp_path / "real.jsonl", make_pairs(12, 2))
    other = tmp_path / "other"
    other.mkdir()
    os.link(mine, other / "train.jsonl")
    before = mine.read_bytes()
    for out, said in ((own, "would replace an input"), (other, "would replace an input")):
        status, _, err = dawgen("curate", mine, "--real", real, "--out", out)
        assert (status, said in err) == (2, True)
    status, _, err = dawgen("curate", real, "--real", real, "--out", own)
    assert status == 2
    assert mine.read_bytes() == before
    assert sorted(path.name for path in own.iterdir()) == ["train.jsonl"]
