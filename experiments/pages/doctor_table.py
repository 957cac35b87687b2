"""What `dawgen doctor` says of runs with one planted fault each, and of sound ones: scenes-nli, the bundled minis.

python -m experiments.pages.doctor_table --out runs/doctor --csv experiments/results/doctor.csv
python -m experiments.pages.doctor_table --csv experiments/results/doctor.csv --into docs/doctor.md

The first command makes the runs (finished ones are reused) and examines them; the second only fills the page's tables.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from dawgen.data import RowFile, as_row
from dawgen.errors import DataError
from dawgen.evaluate.doctor.examine import examine
from dawgen.evaluate.doctor.findings import Finding
from dawgen.files import write_jsonl, write_text
from dawgen.progress import Reporter
from dawgen.report.table.core import Table, make_table
from dawgen.runs.run import run_job
from dawgen.runs.settings import merge_settings, resolve_config
from experiments.pages.blocks import show_blocks
from experiments.studies.cells import OLD
from experiments.studies.doctor_faults import FAULTS, SEED, Fault, Material, take_material

SEEDS = (13, 21, 42, 87, 100)
TASKS = ("scenes-nli", "scenes-paraphrase", "scenes-question")
FRESH = tuple((task, seed) for task in TASKS for seed in (4, 5, 6))  # sound runs that no limit was set by
ROLES = ("train", "dev", "test", "synthetic")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. kind: planted, sound, or fresh; planted: what was ("" in a sound run), named: whether it was
    named, others: what else was."""

    kind: str
    planted: str
    what: str
    named: str
    evidence: str
    others: str


def main() -> None:
    """Make the runs and the table, or fill the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a folder for the runs; without it the table is only shown")
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    options = parser.parse_args()
    if options.out is not None:
        write_text(options.csv, format_csv(make_rows(options.out)))
    show_blocks(make_tables(read_rows(options.csv)), options.into)


def make_rows(
    out: Path,
    faults: Sequence[Fault] = FAULTS,
    seeds: Sequence[int] = SEEDS,
    fresh: Sequence[tuple[str, int]] = FRESH,
    **settings: Any,
) -> list[Row]:
    """Make the sound runs, one run for each fault, and the fresh ones, and return what the doctor says of them.

    settings: of every run; a fault's own stand above them.
    """
    reporter = Reporter(quiet=True)
    sound = {seed: out / f"sound-{seed}" for seed in seeds}
    for seed, folder in sound.items():
        run_job(_configure({"seed": seed} | settings), folder, reporter=reporter)
    material = take_material(list(RowFile(sound[SEED] / "synthetic" / "train.jsonl")))
    rows = []
    for fault in faults:
        folder, shown = plant(fault, material, out, settings)
        runs = [*(sound[seed] for seed in fault.beside), folder]
        rows.append(judge_planted(fault, examine(runs, moved=shown).findings))
        print(*astuple(rows[-1]), sep=" | ", flush=True)
    groups = [(f"seed {seed}", [folder]) for seed, folder in sound.items()]
    for what, folders in [*groups, (f"all {len(sound)} together", list(sound.values()))]:
        rows.append(judge_sound("sound", what, examine(folders).findings))
        print(*astuple(rows[-1]), sep=" | ", flush=True)
    for task, seed in fresh:
        folder = out / f"{task}-{seed}"
        run_job(_configure({"task": task, "seed": seed} | settings), folder, reporter=reporter)
        rows.append(judge_sound("fresh", f"{task}, seed {seed}", examine([folder]).findings))
        print(*astuple(rows[-1]), sep=" | ", flush=True)
    return rows


def plant(fault: Fault, material: Material, out: Path, settings: dict[str, Any]) -> tuple[Path, dict[str, str]]:
    """Make the run with the fault; returns its folder and the files that the doctor gets beside it."""
    files = {}
    for role, examples in fault.files(material).items():
        files[role] = str(out / "files" / f"{fault.name}-{role}.jsonl")
        write_jsonl(Path(files[role]), [dict(as_row(example)) for example in examples])
    given = {role: files[role] for role in ROLES if role in files}
    folder = out / fault.name
    run_job(_configure({"seed": SEED} | settings | fault.settings | given), folder, reporter=Reporter(quiet=True))
    return folder, {"test": files["shown"]} if "shown" in files else {}


def judge_planted(fault: Fault, findings: Iterable[Finding]) -> Row:
    """Return whether the fault is among the findings, with its evidence, and which other names are."""
    found = list(findings)
    own = [finding for finding in found if finding.name == fault.name]
    others = sorted({finding.name for finding in found} - {fault.name})
    return Row(
        "planted", fault.name, fault.what, "yes" if own else "no", own[0].evidence if own else "", " ".join(others)
    )


def judge_sound(kind: str, what: str, findings: Iterable[Finding]) -> Row:
    """Return which names stand in a sound run: there should be none."""
    return Row(kind, "", what, "", "", " ".join(sorted({finding.name for finding in findings})))


def make_tables(rows: Sequence[Row]) -> dict[str, Table]:
    """Return the tables of planted faults and of sound runs by key."""
    planted = [row for row in rows if row.kind == "planted"]
    named = sum(row.named == "yes" for row in planted)
    others = sum(len(row.others.split()) for row in planted)
    return {
        "planted": make_table(
            f"{named} of {len(planted)} planted faults named; {others} other names in their runs",
            ("planted", "how", "named", "evidence", "also named"),
            [(row.planted, row.what, row.named, row.evidence or "-", row.others or "-") for row in planted],
            key="planted",
            names=5,
        ),
    } | {kind: list_sound([row for row in rows if row.kind == kind], kind) for kind in ("sound", "fresh")}


def list_sound(rows: Sequence[Row], kind: str) -> Table:
    """Return the table of what was named in sound runs."""
    clean = sum(not row.others for row in rows)
    return make_table(
        f"{clean} of {len(rows)} without any name",
        ("sound run", "named"),
        [(row.what, row.others or "nothing") for row in rows],
        key=kind,
        names=2,
    )


def format_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    writer.writerows(astuple(row) for row in rows)
    return stream.getvalue()


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file that `format_csv` wrote. Raises DataError where there is none."""
    if not path.is_file():
        raise DataError(f"{path}: expected the table of an earlier run, found no file; give --out.")
    with path.open(encoding="utf-8", newline="") as stream:
        return [Row(**row) for row in csv.DictReader(stream)]


def _configure(values: dict[str, Any]) -> Any:
    settings: dict[str, Any] = {"task": "scenes-nli", "threads": 1, "target": {**OLD}}
    merge_settings(settings, values)
    return resolve_config(arguments=settings)


if __name__ == "__main__":
    main()
