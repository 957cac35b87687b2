"""The place of a grid's files: a folder of this machine, or a place that many machines share, named by a URL."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from dawgen.errors import ConfigError, DataError
from dawgen.files import hash_file, write_json, write_text, write_with
from dawgen.outputs import NOTES, Input, Knows, claim, hold

CLOUD = ("s3", "s3a", "gs", "gcs")  # kinds of URL that the extra `cloud` opens
# The fields in which file systems give the state of a file; the time of its last access is not among them.
VERSION = ("size", "mtime", "created", "ETag", "etag", "LastModified", "last_modified", "updated", "generation")


class Store:
    """Files by name ("sets/KEY.json") below a folder or a URL; "" names the whole.

        store = Store("s3://bucket/grid")  # or "runs/mini", "file:///mnt/shared/mini", "sftp://host/grid"
        with store.workspace("sets/abc") as folder:
            ...
        store.write_json("sets/abc.json", numbers)

    A plain path and a file:// URL are the folder itself. Any other URL is read and written by fsspec: files are copied
    in and out, and each appears whole. A store can be pickled; every process opens its own connection.

    Raises ConfigError where fsspec does not know the URL's kind, or lacks the package for it.
    """

    def __init__(self, url: str | Path) -> None:
        kind, mark, rest = str(url).partition("://")
        here = not mark or kind == "file"
        # Absolute, since workers on the same files have other working folders.
        self.folder = Path(rest if mark else url).absolute() if here else None
        self.url = str(self.folder or url)
        if not here:
            _ = self._remote

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickle, without the open connection."""
        return {"url": self.url, "folder": self.folder}

    def exists(self, name: str) -> bool:
        """Return whether there is a file or folder of that name."""
        if self.folder is not None:
            return (self.folder / name).exists()
        files, _ = self._refreshed
        return bool(files.exists(self._join(name)))

    def read_json(self, name: str) -> Any:
        """Return a file's value. Raises DataError where there is no such file or it is damaged."""
        try:
            if self.folder is not None:
                return json.loads((self.folder / name).read_bytes())
            return json.loads(self._refreshed[0].cat_file(self._join(name)))
        except (FileNotFoundError, ValueError) as error:
            raise DataError(
                f"{self.url}/{name}: expected a file with JSON: {error}.\nDelete a damaged one: it is made again."
            ) from error

    def write_json(self, name: str, value: Any) -> None:
        """Write indented JSON; the file is whole or absent."""
        if self.folder is not None:
            write_json(self.folder / name, value)
        else:
            self.write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write UTF-8 text; the file is whole or absent."""
        if self.folder is not None:
            write_text(self.folder / name, text)
            return
        with tempfile.TemporaryDirectory(prefix="dawgen-") as folder:
            path = Path(folder) / "text"
            path.write_bytes(text.encode())
            self.upload(path, name)

    def upload(self, path: Path, name: str) -> None:
        """Copy a local file into the store; it is whole or absent there, and replaces one of that name."""
        if self.folder is not None:
            write_with(self.folder / name, lambda temporary: shutil.copyfile(path, temporary))
            return
        from fsspec import AbstractFileSystem

        files, place = self._remote[0], self._join(name)
        parent, leaf = place.rsplit("/", 1)
        files.makedirs(parent, exist_ok=True)
        # Object stores, which cannot rename, show a file only when it is whole.
        if type(files).mv is AbstractFileSystem.mv:
            files.put_file(str(path), place)
            return
        temporary = f"{parent}/.{leaf}.{uuid.uuid4().hex}.tmp"
        try:
            files.put_file(str(path), temporary)
            files.mv(temporary, place)
        except BaseException:
            with suppress(Exception):  # the first error is the one to report
                files.rm_file(temporary)
            raise

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; nothing happens where there is none."""
        if self.folder is None:
            if self.exists(name):
                self._remote[0].rm(self._join(name), recursive=True)
        elif (self.folder / name).is_dir():
            shutil.rmtree(self.folder / name)
        else:
            (self.folder / name).unlink(missing_ok=True)

    def fetch(self, name: str) -> Path:
        """Return the local file or folder of that name: itself, or a copy that a process makes once for each version.

        Raises DataError where there is none.
        """
        if self.folder is not None:
            if not (self.folder / name).exists():
                raise self._miss(name)
            return self.folder / name
        mirror, seen = _open_mirror(self.url)
        versions = self._list_versions(name)
        if not versions:
            raise self._miss(name)
        for old in [old for old in seen if _is_within(old, name) and old not in versions]:
            (mirror / old).unlink(missing_ok=True)
            del seen[old]
        for file, version in versions.items():
            if seen.get(file) != version:
                self._download(file, mirror / file)
                seen[file] = version
        return mirror / name

    @contextmanager
    def hold(self, verb: str) -> Iterator[None]:
        """Keep the store for this process, as `outputs.hold` does a folder; its own workers write there meanwhile.

        A URL cannot be locked. There each file is whole, and two that run the same work write the same.

        Raises ConfigError where another process holds it.
        """
        with nullcontext() if self.folder is None else hold(self.folder, verb):
            yield

    @contextmanager
    def claim(
        self, names: Sequence[str], verb: str, inputs: Iterable[Input] = (), knows: Knows | None = None
    ) -> Iterator[None]:
        """Write files while the block runs, as `outputs.claim` does; of a URL the notes have names alone, no hashes.

        Raises ConfigError where one of them is not dawgen's to replace.
        """
        if self.folder is not None:
            with claim([self.folder / name for name in names], verb, inputs, knows):
                yield
            return
        for name in names:
            known = self.exists(f"{NOTES}/{name}") or (knows is not None and knows(Path(name)))
            if self.exists(name) and not known:
                raise ConfigError(
                    f"{self.url}/{name}: expected no file here, or one of `dawgen {verb}`, found one that dawgen did "
                    "not write.\nMove it away, or choose another --out."
                )
            self.write_text(f"{NOTES}/{name}", f"{verb}\n")
        yield

    @contextmanager
    def workspace(self, name: str) -> Iterator[Path]:
        """Yield a local folder to write in, which holds what the store has of that name.

        On a folder it is the place itself, so that killed work goes on from its own files. From a URL it is copied,
        and copied back when the block ends without an error: what is new, JSON after the files that it speaks of.
        """
        if self.folder is not None:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            yield self.folder / name
            return
        with tempfile.TemporaryDirectory(prefix="dawgen-") as temporary:
            folder = Path(temporary)
            for file in self._list_versions(name):
                self._download(file, folder / Path(file).relative_to(name))
            before = _hash_files(folder)
            yield folder
            after = _hash_files(folder)
            new = [file for file, digest in after.items() if before.get(file) != digest]
            # generator.json and manifest.json say that the files beside them are complete.
            for file in sorted(new, key=lambda file: (file.endswith(".json"), file)):
                self.upload(folder / file, f"{name}/{file}" if name else file)
            for file in before.keys() - after.keys():
                self._remote[0].rm_file(self._join(f"{name}/{file}" if name else file))

    @cached_property
    def _remote(self) -> tuple[Any, str]:
        """The file system and the store's place in it."""
        from fsspec.core import url_to_fs

        try:
            files, root = url_to_fs(self.url)
        except ImportError as error:
            kind = self.url.partition("://")[0]
            hint = '\nInstall it with `pip install "dawgen[cloud]"`.' if kind in CLOUD else ""
            raise ConfigError(f"{self.url}: expected a package for such URLs: {error}.{hint}") from error
        except ValueError as error:
            raise ConfigError(f"{self.url}: expected a folder or a URL that fsspec can open: {error}.") from error
        return files, root.rstrip("/")

    @property
    def _refreshed(self) -> tuple[Any, str]:
        """The same, without cached listings: other processes write there too."""
        self._remote[0].invalidate_cache()
        return self._remote

    def _join(self, name: str) -> str:
        return f"{self._remote[1]}/{name}" if name else self._remote[1]

    def _list_versions(self, name: str) -> dict[str, tuple[Any, ...]]:
        """Return the state of every file below a name, or of the file of that name."""
        files, root = self._refreshed
        place = self._join(name)
        if files.isfile(place):
            return {name: _read_version(files.info(place))}
        try:
            found = files.find(place, detail=True)
        except FileNotFoundError:
            return {}
        return {
            path.removeprefix(root).lstrip("/"): _read_version(info)
            for path, info in found.items()
            if not path.endswith(".tmp")
        }

    def _download(self, name: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._remote[0].get_file(self._join(name), str(path))

    def _miss(self, name: str) -> DataError:
        return DataError(
            f"{self.url}: expected {name or 'files'} there, found nothing.\n"
            "Where several machines run cells, --out is a folder or a URL that all of them reach."
        )


@cache
def _open_mirror(url: str) -> tuple[Path, dict[str, tuple[Any, ...]]]:
    """Return this process's folder of copies from a URL, removed when it ends, and the versions that it holds."""
    folder = Path(tempfile.mkdtemp(prefix="dawgen-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder, {}


def _read_version(info: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(str(info.get(field)) for field in VERSION)


def _is_within(file: str, name: str) -> bool:
    return not name or file == name or file.startswith(f"{name}/")


def _hash_files(folder: Path) -> dict[str, str]:
    """Return the hash of every whole file below a folder by its relative name."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".tmp")]
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in paths}
