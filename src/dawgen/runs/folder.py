"""A run folder: opened with its own settings or refused, resumed stage by stage, complete by its manifest."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dawgen.errors import ConfigError
from dawgen.files import describe_changes, hash_file, write_json, write_text
from dawgen.progress import Advance, Reporter
from dawgen.runs.settings import complete_recorded

TRACKING = "tracking"  # files of trackers; not part of the run's reproducible files
ANALYSIS = "analysis"  # later studies of the finished run; not part of them either
PARTS = (
    "config.yaml",
    "generator",
    "generators",
    "synthetic",
    "prompts",
    "log.jsonl",
    "metrics.json",
    "report.html",
    TRACKING,
    ANALYSIS,
)


class RunFolder:
    """The files of one job.

    settings: the resolved configuration; record: what else the files depend on (versions, models, threads, inputs).

    Raises ConfigError if the folder was made with other settings, naming them, or holds something that is not a run.
    """

    def __init__(self, path: Path, settings: dict[str, Any], record: dict[str, Any], *, fresh: bool = False) -> None:
        self.path = path
        wanted = json.loads(json.dumps({**settings, "record": record}))
        config = path / "config.yaml"
        # Only what a run has written may go: a user's own folder can hold a config.yaml and prompts too.
        if fresh and config.is_file() and "record" in (yaml.safe_load(config.read_text()) or {}):
            self._clear()
        if config.is_file():
            _check_same(path, yaml.safe_load(config.read_text()) or {}, wanted)
        elif path.is_dir() and any(item.suffix != ".tmp" for item in path.iterdir()):
            raise ConfigError(f"{path}: expected an empty folder or a run, found other files. Choose another --out.")
        else:
            write_text(config, yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True))

    @property
    def complete(self) -> bool:
        """Whether the manifest is there."""
        return (self.path / "manifest.json").is_file()

    def finish(self, inputs: dict[str, str]) -> None:
        """Write the manifest with the hashes of inputs and outputs."""
        beside = (item for name in (TRACKING, ANALYSIS) for item in (self.path / name).rglob("*"))
        left_out = {self.path / "manifest.json", *beside}
        files = sorted(item for item in self.path.rglob("*") if item.is_file() and item not in left_out)
        outputs = {str(item.relative_to(self.path)): hash_file(item) for item in files}
        write_json(self.path / "manifest.json", {"inputs": inputs, "outputs": outputs})

    def _clear(self) -> None:
        (self.path / "manifest.json").unlink(missing_ok=True)
        for part in PARTS:
            item = self.path / part
            if item.is_dir():
                shutil.rmtree(item)
            else:
                item.unlink(missing_ok=True)


def read_threads(path: Path) -> int | None:
    """Return how many threads a run that has begun in the folder takes; None where none has."""
    file = path / "config.yaml"
    found = yaml.safe_load(file.read_text()) if file.is_file() else None
    record = found.get("record") if isinstance(found, dict) else None
    threads = record.get("threads") if isinstance(record, dict) else None
    return threads if isinstance(threads, int) else None


@dataclass(frozen=True)
class Job:
    """What the stages of one job share. seconds: the time of each in this process, by name."""

    seed: int
    log: StepLog
    reporter: Reporter
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, what: str, total: int, name: str) -> Iterator[Advance]:
        """Show a stage as the reporter does, and keep its seconds under `name`."""
        begin = time.perf_counter()
        with self.reporter.stage(what, total) as advance:
            yield advance
        self.seconds[name] = round(time.perf_counter() - begin, 2)


class StepLog:
    """Appends one JSON object per step to log.jsonl; a resumed stage logs steps again, and the last one counts.

    watch: gets every row as well.
    """

    def __init__(self, path: Path, watch: Callable[[dict[str, Any]], object] | None = None) -> None:
        self.path = path
        self.watch = watch
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            # A killed process may leave half a line.
            whole = path.read_bytes()
            path.write_bytes(whole[: whole.rfind(b"\n") + 1])

    def write(self, row: dict[str, Any]) -> None:
        """Append a row."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        if self.watch is not None:
            self.watch(row)

    def tidy(self) -> None:
        """Keep the last row of every step of every stage, in the order in which they first came."""
        if not self.path.is_file():
            return
        rows = {}
        for line in self.path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[tuple(row.get(key) for key in ("stage", "kind", "method", "step", "shard"))] = line
        write_text(self.path, "".join(f"{line}\n" for line in rows.values()))


def _check_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    complete_recorded(found)
    if changes := describe_changes(found, wanted):
        raise ConfigError(
            f"{path}: expected the settings that this run was begun with, found changes: {changes}\n"
            "Use the old settings to resume, --fresh to start again, or another --out."
        )
