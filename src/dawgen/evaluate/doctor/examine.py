"""`dawgen doctor`: read folders, measure again what is still there, and report the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawgen.errors import ConfigError
from dawgen.evaluate.doctor.diagnose import diagnose
from dawgen.evaluate.doctor.facts import Facts
from dawgen.evaluate.doctor.findings import Finding
from dawgen.evaluate.doctor.grid import read_grid_facts
from dawgen.evaluate.doctor.look import Moved, look_again
from dawgen.evaluate.doctor.read import read_facts
from dawgen.runs.finished import FinishedRun


@dataclass(frozen=True, slots=True)
class Examination:
    """The facts that were examined, and the findings."""

    runs: tuple[Facts, ...]
    findings: tuple[Finding, ...]

    @property
    def notes(self) -> dict[str, list[str]]:
        """What could not be examined, with the names of the runs."""
        notes: dict[str, list[str]] = {}
        for facts in self.runs:
            for note in facts.notes:
                notes.setdefault(note, []).append(facts.run)
        return notes

    def as_dict(self) -> dict[str, Any]:
        """Return the output of --json."""
        return {
            "runs": [facts.run for facts in self.runs],
            "findings": [finding.as_dict() for finding in self.findings],
            "notes": self.notes,
        }


def examine(
    folders: Sequence[Path], *, again: bool = True, moved: Moved | None = None, threads: int | None = None
) -> Examination:
    """Return the findings in run folders and grids' folders.

    again: also examine rows and prompts that are still there. moved: the present places of the training, dev or test
    file; a test file that the run never saw is compared with its training rows. threads: of the target's answers, None
    for one where it is small, else all.

    Raises DataError for a folder that is neither, ConfigError for moved files of several runs.
    """
    if moved and len(folders) > 1:
        raise ConfigError(f"--{next(iter(moved))}: expected one RUN with it, got {len(folders)}.")
    runs: list[Facts] = []
    for folder in folders:
        if (folder / "results.json").is_file():
            runs += read_grid_facts(folder)
            continue
        run = FinishedRun.open(folder)
        facts = read_facts(run)
        runs.append(look_again(run, facts, moved or {}, threads) if again else facts)
    return Examination(tuple(runs), tuple(diagnose(runs)))
