"""The user's cache of models that dawgen converted or unpacked, and the record of where each came from.

A model's folder is named after the SHA-256 of the file that it was made of. It is whole or absent: made beside its
place and renamed. `origin.json` in it says what it was made of, and holds the SHA-256 of each of its files.
"""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dawgen.errors import ModelError
from dawgen.files import hash_file, hash_unchanged, write_json
from dawgen.progress import Reporter

VARIABLE, RECORD, FORMAT = "DAWGEN_CACHE", "origin.json", 1
SPARE = 2**24  # bytes for the tokenizer and the rest beside the weights

_FULL = (errno.ENOSPC, errno.EDQUOT)


def find_store() -> Path:
    """Return the folder: `models` in DAWGEN_CACHE or, without it, in `dawgen` where the system keeps caches."""
    if said := os.environ.get(VARIABLE):
        return Path(said).expanduser() / "models"
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "dawgen" / "models"


def find_place(digest: str) -> Path:
    """Return where the model is kept that is made of a file with this SHA-256."""
    return find_store() / digest[:16]


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's `origin.json` says; None for a folder without one, or with one that is not dawgen's."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("files"), dict) else None


def is_whole(folder: Path) -> bool:
    """Return whether a folder holds what it held when it was made, to the bit."""
    record = read_record(folder)
    if record is None or record.get("format") != FORMAT:
        return False
    try:
        return all(hash_unchanged(folder / name) == digest for name, digest in record["files"].items())
    except OSError:
        return False


def keep(digest: str, needed: int, make: Callable[[Path], dict[str, Any]], reporter: Reporter) -> Path:
    """Return a model's folder; if it is absent or damaged, `make` writes into a new one and returns its record.

    Two processes that want the same model wait for each other. What a killed one left is removed.

    needed: bytes of disk.

    Raises:
        ModelError: the cache cannot be written, or the disk is full.
    """
    folder = find_place(digest)
    if is_whole(folder):
        return folder
    with _explain(folder.parent, needed):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder, reporter) as alone:
            if is_whole(folder):
                return folder
            for leftover in folder.parent.glob(f".{folder.name}.*.tmp") if alone else ():
                shutil.rmtree(leftover, ignore_errors=True)
            if folder.exists():
                reporter.say(f"{folder}: not what it was when it was made; making it again")
            free = shutil.disk_usage(folder.parent).free
            if free < needed:
                raise OSError(errno.ENOSPC, f"{free / 1e6:,.0f} MB free")
            _make(folder, make)
    return folder


def _make(folder: Path, make: Callable[[Path], dict[str, Any]]) -> None:
    temporary, old = (folder.with_name(f".{folder.name}.{os.getpid()}{end}.tmp") for end in ("", ".old"))
    temporary.mkdir()
    try:
        record = make(temporary)
        files = sorted(path for path in temporary.rglob("*") if path.is_file())
        hashes = {path.relative_to(temporary).as_posix(): hash_file(path) for path in files}
        write_json(temporary / RECORD, {"format": FORMAT, **record, "files": hashes})
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(temporary, folder)
        except OSError:
            if not is_whole(folder):  # where there is no lock, another process may have been first
                raise
    finally:
        for path in (temporary, old):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _lock(folder: Path, reporter: Reporter) -> Iterator[bool]:
    """Hold a model's lock, which the system lets go when the process ends; yields whether there is such a thing."""
    from filelock import FileLock, Timeout

    lock, alone = FileLock(folder.with_name(f".{folder.name}.lock"), thread_local=False), True
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            reporter.say(f"{folder}: another process is making it; waiting")
            lock.acquire()
    except (NotImplementedError, OSError):  # some network disks
        alone = False
    try:
        yield alone
    finally:
        lock.release()


@contextmanager
def _explain(store: Path, needed: int) -> Iterator[None]:
    """Turn errors of the disk into advice."""
    advice = f"Name a folder elsewhere: {VARIABLE}=FOLDER"
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ModelError(
                f"{store}: the disk is full: expected {needed / 1e6:,.0f} MB ({error.strerror}).\nMake room. {advice}"
            ) from error
        raise ModelError(
            f"{store}: expected a cache that can be written, it cannot: {error.strerror}.\n{advice}"
        ) from error
