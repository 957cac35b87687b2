"""Nothing of the user's is replaced, and two processes do not write in one folder."""

import errno
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import filelock
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawgen.errors import ConfigError, describe_disk_fault
from dawgen.files import stream_jsonl, write_text, write_with
from dawgen.outputs import NOTES, check_inputs, claim, hold, is_noted
from support.fuzz import draw

HOLD = "import sys,time; from pathlib import Path; from dawgen.outputs import hold\n"
HOLD += "with hold(Path(sys.argv[1]), 'run'):\n    print('held', flush=True); sys.stdin.read()"


def write(path: Path, text: str, verb: str = "curate") -> None:
    with claim([path], verb):
        write_text(path, text)


def test_what_dawgen_wrote_is_replaced_and_what_the_user_wrote_is_not(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    write(path, "one")
    write(path, "two")
    assert path.read_text() == "two"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"train\.jsonl: .*has changed since dawgen wrote it"):
        write(path, "three")
    other = tmp_path / "other.jsonl"
    other.write_text("two")
    with pytest.raises(ConfigError, match=r"other\.jsonl: .*dawgen did not write"):
        write(other, "three")
    assert (path.read_text(), other.read_text()) == ("mine", "two")


def test_another_verbs_file_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", "drawn", "draw")
    with pytest.raises(ConfigError, match="found what `dawgen draw` wrote"):
        write(tmp_path / "train.jsonl", "curated", "curate")


def test_a_file_that_came_back_by_a_copy_is_still_dawgens(tmp_path: Path) -> None:
    write(tmp_path / "a.html", "page")
    (tmp_path / "a.html").unlink()
    (tmp_path / "a.html").write_text("page")
    write(tmp_path / "a.html", "new page")
    assert is_noted(tmp_path / "a.html")


@pytest.mark.parametrize("kind", ["itself", "symlink", "hard link", "folder", "linked folder", "dots"])
def test_an_output_never_replaces_an_input_under_any_name(tmp_path: Path, kind: str) -> None:
    out, source = tmp_path / "out", tmp_path / "in"
    out.mkdir()
    source.mkdir()
    path, given_ = out / "train.jsonl", source / "rows.jsonl"
    given_.write_text("mine")
    if kind == "symlink":
        path.symlink_to(given_)
    elif kind == "hard link":
        os.link(given_, path)
    elif kind == "linked folder":
        path.write_text("mine")
        (tmp_path / "again").symlink_to(out)
    else:
        path.write_text("mine")
    linked, dotted = (tmp_path / name / "train.jsonl" for name in ("again", "out/../out"))
    name = {"folder": out, "linked folder": linked, "dots": dotted}
    given = name.get(kind, path if kind == "itself" else given_)
    with pytest.raises(ConfigError, match="would replace an input"):
        check_inputs([path], [given, None, "a-task-name"])
    assert path.read_text() == given_.read_text() == "mine"


@pytest.mark.parametrize("kind", ["folder", "link to nothing", "link to another", "pipe"])
def test_a_place_that_is_taken_by_something_else_is_refused(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "page.html", tmp_path / "other"
    other.write_text("mine")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(other if kind == "link to another" else tmp_path / "nothing")
    with pytest.raises(ConfigError, match=r"page\.html: expected"):
        write(path, "page")
    assert other.read_text() == "mine"


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_folder_whose_place_is_a_file_is_refused(tmp_path: Path, depth: int) -> None:
    (tmp_path / "file").write_text("mine")
    folder = (tmp_path / "file").joinpath(*["deep"] * depth)
    with pytest.raises(ConfigError, match="expected a folder"), hold(folder, "run"):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_a_second_process_is_told_of_the_first_and_a_dead_ones_lock_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    said = rf"in use by process {other.pid} since \d{{4}}-.*\(dawgen run on "
    with pytest.raises(ConfigError, match=said) as told, hold(folder, "run"):
        pass
    assert "choose another --out" in str(told.value)
    other.kill()
    other.communicate()
    assert (folder / NOTES / "use.json").is_file()  # a dead process leaves its note, which means nothing
    with hold(folder, "run"):
        assert json.loads((folder / NOTES / "use.json").read_text())["process"] == os.getpid()


def test_a_folder_that_nothing_was_written_to_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="refused"), hold(tmp_path / "a" / "run", "run"):
        raise ValueError("refused")
    assert not (tmp_path / "a" / "run").exists()


def test_threads_of_one_process_do_not_share_a_folder(tmp_path: Path) -> None:
    with hold(tmp_path / "run", "run"), pytest.raises(ConfigError, match="in use"), hold(tmp_path / "run", "run"):
        pass


def test_a_file_system_without_locks_has_a_file_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    folder = tmp_path / "run"
    with hold(folder, "run"):
        (folder / "kept").write_text("")
        with pytest.raises(ConfigError, match=f"in use by process {os.getpid()} "), hold(folder, "run"):
            pass
    # a killed process leaves both files; on this machine it is known to be dead
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (folder / NOTES).mkdir()
    (folder / NOTES / "soft").write_text("")
    note = {"process": dead.pid, "host": socket.gethostname(), "since": "then", "verb": "run"}
    (folder / NOTES / "use.json").write_text(json.dumps(note))
    with hold(folder, "run"):
        pass


def test_a_read_only_folder_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = Path.mkdir

    def refuse(self: Path, *arguments: object, **options: object) -> None:
        if NOTES in self.parts:
            raise OSError(errno.EROFS, "Read-only file system", str(self))
        mkdir(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuse)
    with hold(tmp_path, "run"):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), errno.ENOSPC),
        (OSError(errno.EACCES, "Permission denied", "elsewhere"), errno.EACCES),
        (RuntimeError("I/O error: No space left on device (os error 28)"), errno.ENOSPC),
    ],
)
def test_whatever_a_disk_refuses_names_the_file_and_what_to_do(tmp_path: Path, error: Exception, number: int) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    with pytest.raises(OSError, match="whole") as caught:
        write_with(tmp_path / "whole", fail)
    assert caught.value.errno == number
    said = describe_disk_fault(caught.value)
    assert said.startswith(f"{tmp_path / 'whole'}: ") and "\n" in said
    assert "same command" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_a_stream_with_the_files_name() -> None:
    with pytest.raises(OSError, match=r"/dev/full/x"), stream_jsonl(Path("/dev/full/x")):
        pass


DEEDS = st.tuples(st.sampled_from("ab"), st.sampled_from(["dawgen", "user", "delete"]), st.text(max_size=3))


@draw(30)
@given(st.lists(DEEDS))
def test_after_any_history_a_file_is_replaced_only_if_dawgen_wrote_its_content(
    history: list[tuple[str, str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        own: dict[str, set[str]] = {}
        for name, who, text in history:
            path = Path(folder) / name
            if who == "delete":
                path.unlink(missing_ok=True)
            elif who == "user":
                path.write_bytes(text.encode())
            else:
                before = path.read_bytes().decode() if path.exists() else None
                try:
                    write(path, text)
                    assert before is None or before in own[name]
                    own.setdefault(name, set()).add(text)
                except ConfigError:
                    assert path.read_bytes().decode() == before
