"""What dawgen writes for a user: one process at a time in a folder, and nothing that is not dawgen's own is replaced.

A folder that dawgen writes has a folder `.dawgen` with

lock        locked by the process that writes there; the system lets it go when that process ends
use.json    which process it is, for messages; without the lock it means nothing
files/NAME  verb and SHA-256 of what dawgen wrote under that name: a file with any other content is the user's
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.errors import ConfigError, name_disk_fault
from dawgen.files import WATCHED, hash_file, write_json, write_text

if TYPE_CHECKING:
    from filelock import BaseFileLock

NOTES = ".dawgen"  # the folder inside every folder that dawgen writes
NOTED = 4  # last contents of a file that a note keeps: a process can die between the note and the file

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)

Input = str | Path | None
Knows = Callable[[Path], bool]


@contextmanager
def hold(
    folder: Path, verb: str, writes: Sequence[str] = (), inputs: Iterable[Input] = (), knows: Knows | None = None
) -> Iterator[None]:
    """Keep a folder for this process while the block runs, and make it if it is not there.

    verb: of dawgen, for messages. writes, inputs, knows: as for `claim`, with names inside the folder.

    Raises:
        ConfigError: another process writes there, the folder is a file, or what `claim` refuses. OSError: the folder
            cannot be made.
    """
    check_folder(folder)
    paths, inputs = [folder / name for name in writes], list(inputs)
    check_inputs(paths, inputs)  # before there is a trace of it; what happens since is seen under the lock
    for path in paths:
        check_own(path, verb, knows)
    new = not folder.exists()
    with name_disk_fault(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with lock_folder(folder, verb), claim(paths, verb, inputs, knows):
            yield
    finally:
        if new:  # a job that was refused leaves nothing
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def claim(paths: Sequence[Path], verb: str, inputs: Iterable[Input] = (), knows: Knows | None = None) -> Iterator[None]:
    """Write files while the block runs: refused before it begins where one of them is not dawgen's to replace.

    verb: that writes them, as another verb's files are not replaced either. inputs: files and folders that the same
    call reads, None for those not given. knows: says whether a file is dawgen's that was written without such a note.

    Raises:
        ConfigError: a file would replace one that dawgen did not write, or an input, whatever its other names are.
    """
    check_inputs(paths, inputs)
    for path in paths:
        check_own(path, verb, knows)
    with ExitStack() as stack:
        for path in paths:
            WATCHED[path.absolute()] = partial(_keep_note, path, verb)
            stack.callback(WATCHED.pop, path.absolute(), None)
        yield


def check_own(path: Path, verb: str, knows: Knows | None = None) -> None:
    """Raise ConfigError where a file is there that `verb` has not written, or that has changed since."""
    if not os.path.lexists(path):
        return
    advice = "Move it away, or choose another --out."
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "something else"
        raise ConfigError(f"{path}: expected a place for a file, found {kind}. {advice}")
    noted = _read_notes(path)
    own = {digest for digest, other in noted if other == verb}
    if (own and hash_file(path) in own) or (not noted and knows is not None and knows(path)):
        return
    what = "one that dawgen did not write"
    if noted:
        what = "one that has changed since dawgen wrote it" if own else f"what `dawgen {noted[-1][1]}` wrote"
    raise ConfigError(f"{path}: expected no file here, or one of `dawgen {verb}`, found {what}.\n{advice}")


def check_inputs(outputs: Iterable[Path], inputs: Iterable[Input]) -> None:
    """Raise ConfigError where an output is an input or lies in one, also under another name (symlink or hard link)."""
    written: dict[tuple[int, int], Path] = {}
    for path in outputs:
        for file in _list_files(path):
            with suppress(OSError):
                stat = file.stat()
                written[stat.st_dev, stat.st_ino] = file
    for source in inputs if written else ():
        for file in _list_files(Path(source)) if source else ():
            with suppress(OSError):
                stat = file.stat()
                if (found := written.get((stat.st_dev, stat.st_ino))) is not None:
                    same = "" if found.absolute() == file.absolute() else f", which is {file}"
                    raise ConfigError(f"{found}: this output would replace an input{same}. Choose another --out.")


def check_folder(folder: Path) -> None:
    """Raise ConfigError where the place of a folder is taken by a file, or goes through one."""
    for part in (folder, *folder.absolute().parents):
        if part.is_dir():
            return
        if os.path.lexists(part):
            kind = "a link to nothing" if part.is_symlink() else "a file"
            found = f"found {kind}" if part == folder else f"but {part} is {kind}"
            raise ConfigError(f"{folder}: expected a folder, {found}. Choose another --out.")


@contextmanager
def lock_folder(folder: Path, verb: str) -> Iterator[None]:
    """Hold the lock of a folder that is there; where the folder cannot be written nothing is locked, nor written.

    Raises ConfigError, which names the other process, where it is held.
    """
    notes = folder / NOTES
    try:
        (notes / "files").mkdir(parents=True, exist_ok=True)
        lock = _take_lock(notes / "lock", folder)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        yield  # what is there can be read; whoever writes gets the system's reason
        return
    try:
        with suppress(OSError):  # a full disk
            write_json(notes / "use.json", _describe_process(verb))
        yield
    finally:
        with suppress(OSError):
            (notes / "use.json").unlink(missing_ok=True)
        if not _is_used(folder):  # with the lock held, so that nobody begins meanwhile
            with suppress(OSError):
                (notes / "lock").unlink()
        lock.release()
        for place in (notes / "files", notes):
            with suppress(OSError):  # only empty ones go
                place.rmdir()


def is_noted(path: Path) -> bool:
    """Return whether the file is as dawgen wrote it, by its note."""
    return path.is_file() and bool(noted := _read_notes(path)) and hash_file(path) in {known for known, _ in noted}


def note(path: Path, verb: str) -> None:
    """Keep that a file is dawgen's as it is now."""
    _keep_note(path, verb, path)


def _take_lock(path: Path, folder: Path) -> BaseFileLock:
    from filelock import FileLock, SoftFileLock, Timeout

    try:
        lock: BaseFileLock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except (NotImplementedError, OSError) as error:
            if isinstance(error, Timeout) or (isinstance(error, OSError) and error.errno not in _WITHOUT_LOCKS):
                raise
            # A file system without locks, as some that machines share have none: a file takes their place.
            if _is_ended(path.with_name("use.json")):
                path.with_name("soft").unlink(missing_ok=True)
            lock = SoftFileLock(path.with_name("soft"), thread_local=False)
            lock.acquire(timeout=0)
        return lock
    except Timeout as error:
        user = _name_user(path.with_name("use.json"))
        gone = f", delete {path.with_name('soft')} if it is gone" if path.with_name("soft").exists() else ""
        raise ConfigError(f"{folder}: in use by {user}.\nWait until it ends{gone}, or choose another --out.") from error


def _describe_process(verb: str) -> dict[str, Any]:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": since, "verb": verb}


def _name_user(path: Path) -> str:
    use = _read_use(path)
    if not use:
        return "another process"
    return f"process {use['process']} since {use['since']} (dawgen {use['verb']} on {use['host']})"


def _is_ended(path: Path) -> bool:
    """Return whether the process that a note names was one of this machine, and is no more."""
    use = _read_use(path)
    if not use or use["host"] != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(int(use["process"]), 0)
    except (ProcessLookupError, ValueError):
        return True
    except OSError:
        return False
    return False


def _read_use(path: Path) -> dict[str, Any]:
    """Return a note of use, empty where there is none or half of one."""
    with suppress(OSError, ValueError):
        use = json.loads(path.read_bytes())
        if isinstance(use, dict) and {"process", "host", "since", "verb"} <= use.keys():
            return use
    return {}


def _is_used(folder: Path) -> bool:
    """Return whether there is anything in the folder but what a lock needs."""
    try:
        return any(item.name != NOTES for item in folder.iterdir()) or any((folder / NOTES / "files").iterdir())
    except OSError:
        return True


def _list_files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (Path(parent) / name for parent, _, names in os.walk(path) for name in names)
    elif os.path.lexists(path):
        yield path


def _place_notes(path: Path) -> Path:
    return path.absolute().parent / NOTES / "files" / path.name


def _read_notes(path: Path) -> list[tuple[str, str]]:
    """Return the hashes of what dawgen wrote under a name and the verbs that did; the last one last."""
    try:
        lines = _place_notes(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [(digest, verb) for digest, _, verb in (line.partition(" ") for line in lines) if verb]


def _keep_note(path: Path, verb: str, whole: Path) -> None:
    """Note a file before it takes its place: killed between, the note has the old content and the new one."""
    before = [f"{digest} {other}\n" for digest, other in _read_notes(path)[1 - NOTED :]]
    write_text(_place_notes(path), "".join([*before, f"{hash_file(whole)} {verb}\n"]))
