"""A run folder: opened with its own settings or refused, resumed stage by stage, complete by its manifest."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dawgen.errors import ConfigError, DataError
from dawgen.files import hash_file, read_json, write_json, write_text
from dawgen.outputs import NOTES, is_noted
from dawgen.progress import Advance, Reporter
from dawgen.report.run.files import read_settings
from dawgen.runs.alike import describe_differences
from dawgen.runs.settings import complete_recorded

TRACKING = "tracking"  # files of trackers; not part of the run's reproducible files
ANALYSIS = "analysis"  # later studies of the finished run; not part of them either
REPORT = "report.html"  # made from the other files
# What a run writes; all else in its folder is the user's.
PARTS = (
    "config.yaml",
    "log.jsonl",
    "metrics.json",
    REPORT,
    "generator/*",
    "generators/*/*",
    "synthetic/train.jsonl",
    "synthetic/dropped.jsonl",
    "synthetic/README.md",
    "synthetic/answers.jsonl",
    "synthetic/raw/*",
    "prompts/*/*",
    "prompts/*/adapter/*",
)
MANIFEST, LOG = "manifest.json", "log.jsonl"
_FOLDERS = (
    "generator",
    "generators/*",
    "generators",
    "synthetic/raw",
    "synthetic",
    "prompts/*/*",
    "prompts/*",
    "prompts",
)
_SHOWN = 4  # damaged files that an error names


class RunFolder:
    """The files of one job.

    settings: the resolved configuration; record: what else the files depend on (versions, models, threads, inputs).

    Raises ConfigError if the folder was made with other settings, naming them, or holds something that is not a run.
    """

    def __init__(self, path: Path, settings: dict[str, Any], record: dict[str, Any], *, fresh: bool = False) -> None:
        self.path = path
        wanted = json.loads(json.dumps({**settings, "record": record}))
        config = path / "config.yaml"
        own = fresh and is_run(path)
        if own:
            self._clear()
        if config.is_file():
            _check_same(path, wanted)
        elif not own and path.is_dir() and any(item.suffix != ".tmp" and item.name != NOTES for item in path.iterdir()):
            raise ConfigError(f"{path}: expected an empty folder or a run, found other files. Choose another --out.")
        else:
            write_text(config, yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True))

    @property
    def complete(self) -> bool:
        """Whether the manifest is there."""
        return (self.path / MANIFEST).is_file()

    def find_lost(self) -> list[str]:
        """Return the files of a complete run that are gone but can be made from the others: the report.

        Raises DataError, which names the files, where results are gone or are not as they were written.
        """
        path = self.path / MANIFEST
        manifest = read_json(path, " Delete it; what is there is then looked through, and what is missing is made.")
        if not isinstance(outputs := manifest.get("outputs"), dict):
            raise DataError(f"{path}: expected the hashes of the run's files, found none; delete it to go on.")
        damaged, lost = list[str](), list[str]()
        for name, digest in outputs.items():
            if name == "config.yaml":  # compared by what it says
                continue
            file = self.path / name.replace("\\", "/")  # as runs on Windows once wrote it
            if not file.is_file():
                (lost if name == REPORT else damaged).append(name if name == REPORT else f"{name} (missing)")
            elif hash_file(file) != digest and not (name == REPORT and is_noted(file)):
                damaged.append(f"{name} (changed)")
        if damaged == [f"{REPORT} (changed)"]:
            raise DataError(f"{self.path / REPORT}: it is not as dawgen wrote it. Move it away; it is then made again.")
        if damaged:
            more = f" and {len(damaged) - _SHOWN} more" if len(damaged) > _SHOWN else ""
            raise DataError(
                f"{self.path}: expected the files that manifest.json records, found others: "
                f"{', '.join(damaged[:_SHOWN])}{more}.\nRestore them, start again with --fresh, or choose another "
                "--out."
            )
        return lost

    def finish(self, inputs: dict[str, str]) -> None:
        """Write the manifest with the hashes of inputs and outputs."""
        outputs = {item.relative_to(self.path).as_posix(): hash_file(item) for item in list_parts(self.path)}
        write_json(self.path / MANIFEST, {"inputs": inputs, "outputs": outputs})

    def _clear(self) -> None:
        (self.path / MANIFEST).unlink(missing_ok=True)
        for file in list_parts(self.path):
            file.unlink()
        for name in (TRACKING, ANALYSIS, "texts"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for pattern in _FOLDERS:
            for folder in self.path.glob(pattern):
                with suppress(OSError):  # the user's own files stay
                    folder.rmdir()


def is_run(path: Path) -> bool:
    """Return whether a run was begun in the folder: a user's own folder can hold a config.yaml and prompts too.

    Raises DataError where config.yaml is damaged.
    """
    return "record" in read_settings(path / "config.yaml")


def list_parts(path: Path) -> list[Path]:
    """Return the files of a run folder that the run wrote, but for its manifest."""
    found = {item for part in PARTS for item in path.glob(part) if item.is_file()}
    return sorted(found)


def read_threads(path: Path) -> int | None:
    """Return how many threads a run that has begun in the folder takes; None where none has."""
    record = read_settings(path / "config.yaml").get("record")
    threads = record.get("threads") if isinstance(record, dict) else None
    return threads if isinstance(threads, int) else None


def is_log(path: Path) -> bool:
    """Return whether a file is a log of training, which grows and has no hash: its rows name their stage."""
    lines = path.read_bytes().splitlines() if path.name == LOG else [b""]
    with suppress(ValueError, TypeError, KeyError):
        return all("stage" in json.loads(line) for line in lines[:-1]) and lines[0].startswith(b"{") if lines else True
    return False


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


def _check_same(path: Path, wanted: dict[str, Any]) -> None:
    found = read_settings(path / "config.yaml")
    if "record" not in found:
        raise ConfigError(
            f"{path / 'config.yaml'}: expected the file of a run, found one that no run wrote. Choose another --out."
        )
    complete_recorded(found)
    if changes := describe_differences(found, wanted):
        raise ConfigError(
            f"{path}: expected the settings that this run was begun with, found changes: {changes}\n"
            "Use the old settings to resume, --fresh to start again, or another --out."
        )
