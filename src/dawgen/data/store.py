"""The shards of a synthetic set as generated: written once and whole, never changed; the manifest is written last.

settings.json        the settings of the shards; other settings are refused
shard-00000.jsonl    candidates
hashes.json          the hashes of the shards that are there, until there is a manifest
manifest.json        settings, counts and hashes: its presence means complete
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dawgen.errors import ConfigError, DataError
from dawgen.files import describe_changes, hash_file, read_json, write_json, write_jsonl
from dawgen.records import Candidate, Example

ANEW = " Use --fresh to start again."
SETTINGS, MANIFEST, HASHES, SHARDS = "settings.json", "manifest.json", "hashes.json", "shard-*.jsonl"
_SAID = ("prefix", "seed", "decode", "per_label")  # what the settings of a user's own files do not say


class ShardStore:
    """A folder of shards, in the order of their numbers, whatever the order of writing.

        store = ShardStore(folder, {"seed": 13})
        if store.read(0) is None:
            store.write(0, candidates)
        store.finish({"kept": 100})

    Raises ConfigError if the folder holds shards made with other settings, naming them, and DataError if a finished
    folder's shard is missing or changed.
    """

    def __init__(self, folder: str | Path, settings: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))
        self._manifest = self.folder / MANIFEST
        path = self.folder / SETTINGS
        if not path.is_file() and (others := _list_others(self.folder)):
            raise ConfigError(
                f"{others[0]}: expected no shards, or those of dawgen, found a file of others. Choose another --out."
            )
        if path.is_file():
            self._check_settings(read_json(path, ANEW))
        else:
            write_json(path, self.settings)
        self._hashes: dict[str, str] = {}
        if self.complete:
            self._hashes = check_shards(self.folder)
        elif (self.folder / HASHES).is_file():
            self._hashes = read_json(self.folder / HASHES, " Delete it; the shards are then taken as they are.")

    @property
    def complete(self) -> bool:
        """Whether the manifest is there."""
        return self._manifest.is_file()

    def read(self, index: int) -> list[Candidate] | None:
        """Return the candidates of a shard, or None if it was never written.

        Raises DataError with file and line if the shard is damaged.
        """
        path = self._locate(index)
        if not path.is_file():
            return None
        content = path.read_bytes()
        if self._hashes.get(path.name) not in (None, hashlib.sha256(content).hexdigest()):
            raise DataError(
                f"{path}: expected the shard as it was written, it has changed. Delete it to generate it again."
            )
        lines = content.splitlines()
        return [_parse_row(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]

    def write(self, index: int, candidates: Sequence[Candidate]) -> None:
        """Write a shard; the folder is then no longer complete.

        Raises DataError if the shard exists: shards are never changed.
        """
        path = self._locate(index)
        if path.exists():
            raise DataError(
                f"{path}: expected a new shard, found one that is written. Shards never change; choose another --out."
            )
        self._manifest.unlink(missing_ok=True)
        write_jsonl(path, [_as_row(candidate) for candidate in candidates])
        self._hashes[path.name] = hash_file(path)
        write_json(self.folder / HASHES, self._hashes)

    def finish(self, extra: Mapping[str, Any] | None = None) -> None:
        """Write the manifest: settings, hashes, counts and the fields of `extra`."""
        for leftover in self.folder.glob(".*.tmp"):  # of a process that was killed while writing
            leftover.unlink()
        shards: list[dict[str, Any]] = []
        for path in sorted(self.folder.glob(SHARDS)):
            with path.open("rb") as stream:
                shards.append({"file": path.name, "rows": sum(1 for _ in stream), "sha256": hash_file(path)})
        rows = sum(shard["rows"] for shard in shards)
        write_json(self._manifest, {"settings": self.settings, "rows": rows, "shards": shards, **(extra or {})})
        (self.folder / HASHES).unlink(missing_ok=True)

    def _locate(self, index: int) -> Path:
        return self.folder / f"shard-{index:05d}.jsonl"

    def _check_settings(self, found: dict[str, Any]) -> None:
        if changes := describe_changes(found, self.settings):
            raise ConfigError(
                f"{self.folder}: expected the settings that its shards were made with, found changes: {changes}\n"
                "Use the old settings to resume, start again with --fresh, or choose another --out."
            )


def check_shards(folder: Path) -> dict[str, str]:
    """Return the hashes of a complete folder's shards, by name; none of one that is not complete.

    Raises DataError where a shard is missing or has changed, or the manifest is damaged.
    """
    manifest = folder / MANIFEST
    found = read_json(manifest, ANEW).get("shards") if manifest.is_file() else []
    shards = found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else [{}]
    if not all({"file", "sha256"} <= one.keys() for one in shards):
        raise DataError(f"{manifest}: expected the hashes of the shards, found none: it is damaged.{ANEW}")
    for shard in shards:
        path = folder / shard["file"]
        if not path.is_file() or hash_file(path) != shard["sha256"]:
            state = "changed after it was written" if path.is_file() else "missing"
            raise DataError(
                f"{path}: expected the shard that manifest.json records, but it is {state}.\n"
                "Restore it, or start again with --fresh."
            )
    return {shard["file"]: shard["sha256"] for shard in shards}


def clear_shards(folder: Path) -> None:
    """Delete the shards of a folder and what belongs to them; nothing else in it.

    Raises ConfigError where the files are not dawgen's.
    """
    path = folder / SETTINGS
    if path.is_file() and not set(_SAID) <= read_json(path, " Move it away, or choose another --out.").keys():
        raise ConfigError(f"{path}: expected the settings of shards, found a file of others. Choose another --out.")
    if path.is_file():
        for file in (folder / MANIFEST, folder / HASHES, *folder.glob(SHARDS), path):
            file.unlink(missing_ok=True)


def _list_others(folder: Path) -> list[Path]:
    return [path for path in (folder / MANIFEST, *sorted(folder.glob(SHARDS))) if path.exists()]


def find_set(source: str | Path) -> str:
    """Return the file of a synthetic set: the train.jsonl of a run's or set's folder, else the source itself."""
    inside = (Path(source) / "synthetic" / "train.jsonl", Path(source) / "train.jsonl")
    return str(next((file for file in inside if file.is_file()), source))


def read_shards(folder: Path) -> Iterator[Candidate]:
    """Yield all candidates of a folder of shards, in shard order.

    Raises DataError with file and line if a shard is damaged.
    """
    for path in sorted(folder.glob(SHARDS)):
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            yield _parse_row(line, f"{path}:{number}")


def _as_row(candidate: Candidate) -> dict[str, Any]:
    example = candidate.example
    return {
        "text1": example.text1,
        "text2": example.text2,
        "label": example.label,
        "finished": candidate.finished,
        "tokens": candidate.tokens,
        "logp": None if candidate.logp is None else list(candidate.logp),
    }


def _parse_row(line: bytes, where: str) -> Candidate:
    try:
        row = json.loads(line)
        logp = None if row["logp"] is None else tuple(None if value is None else float(value) for value in row["logp"])
        return Candidate(Example(row["text1"], row["text2"], row["label"]), row["finished"], row["tokens"], logp)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{where}: expected a generated row, found damage ({error}). Delete the shard to generate it again."
        ) from error
