"""`dawgen doctor`: what is wrong with a run, why, and what to type."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dawgen.cli import options as o
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from dawgen.evaluate.doctor.examine import Examination
    from dawgen.evaluate.doctor.findings import Finding

SHOWN = 3  # places where one thing was found, each with its evidence


def doctor(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="finished runs, or the folder of a grid", metavar="RUN...")
    ] = None,
    train: Annotated[str | None, typer.Option(help="where the training file is now, if it has moved")] = None,
    dev: Annotated[str | None, typer.Option(help="where the dev file is now, if it has moved")] = None,
    test: Annotated[
        str | None, typer.Option(help="test rows to compare the training with, also of another run")
    ] = None,
    again: Annotated[
        bool, typer.Option("--look/--no-look", help="also look at rows and prompts again, or at the run's files alone")
    ] = True,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="write FILE.zip to attach to a report: versions, machine, settings and the end of the log, "
            "without any text of yours; RUN may be unfinished, or left out",
            metavar="FILE.zip",
        ),
    ] = None,
    traceback: Annotated[
        Path | None,
        typer.Option(help="with --bundle: what a failed command wrote with --debug; its messages stay here"),
    ] = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Name what is wrong with runs: each finding with its evidence, the likely cause and the switch to try.

    --bundle writes what a report of a fault needs, and prints it. Nothing is trained or changed. Several runs of one
    task over seeds are compared with each other too. The exit status is 0 whatever is found, 2 where a folder cannot be
    read.
    """
    if bundle is not None:
        o.print_json(_bundle(bundle, runs or [], traceback), json)
        return
    if traceback is not None:
        raise ConfigError("--traceback: it goes into a bundle; give --bundle FILE.zip too.")
    if not runs:
        raise ConfigError("expected a RUN, the folder of a finished run or grid; without one give --bundle FILE.zip.")
    from dawgen.evaluate.doctor.examine import examine

    moved = {name: path for name, path in (("train", train), ("dev", dev), ("test", test)) if path is not None}
    found = examine(runs, again=again, moved=moved, threads=threads)
    _show(found)
    o.print_json(found.as_dict(), json)


def _bundle(path: Path, runs: list[Path], traceback: Path | None) -> dict[str, Any]:
    """Write the bundle, print what is in it, and return the output of --json."""
    from dawgen.evaluate.doctor.bundle import write_bundle

    files = write_bundle(path, runs, traceback)
    for name, text in files.items():
        typer.echo(f"--- {name}\n{text}")
    typer.echo(f"{path}: these {len(files)} files. Read them before you send it.")
    return {"bundle": str(path), "files": list(files)}


def _show(found: Examination) -> None:
    """Print the findings, one block for each name, and what could not be examined."""
    groups: dict[str, list[Finding]] = {}
    for finding in found.findings:
        groups.setdefault(finding.name, []).append(finding)
    for name, findings in groups.items():
        first = findings[0]
        places = "" if len(findings) == 1 else f", in {len(findings)} places"
        typer.echo(f"{name} ({first.severity}{places})")
        for finding in findings[:SHOWN]:
            where = ", ".join(part for part in (finding.run, finding.method) if part)
            typer.echo(f"  {where}: {finding.evidence}")
        if len(findings) > SHOWN:
            typer.echo(f"  and {len(findings) - SHOWN} more (--json has all)")
        typer.echo(f"  cause: {first.cause}\n  try:   {first.try_}\n")
    sick = {finding.run for finding in found.findings if finding.run is not None}
    count = len(found.runs)
    typer.echo(f"{count} {'run' if count == 1 else 'runs'} examined, {count - len(sick)} with nothing found")
    for note, names in found.notes.items():
        typer.echo(f"note: {note}" + (f" ({len(names)} runs)" if len(names) > 1 else ""))
