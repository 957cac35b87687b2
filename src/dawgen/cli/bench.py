"""The verb of whole experiments: bench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dawgen.bench.named import find_grid, list_grids
from dawgen.cli import options as o
from dawgen.cli.complete import choose, complete_grids
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from dawgen.bench.job import Outlook
    from dawgen.engine.engine import Engine
    from dawgen.engine.storage import Store


def bench(
    grid: Annotated[
        str,
        typer.Option(
            help=f"YAML file with tasks, methods, seeds and sizes, or one of dawgen's own: {', '.join(list_grids())}",
            metavar="FILE|NAME",
            autocompletion=complete_grids,
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="folder of the tasks' files (default: the grid file's own; for a NAME, the current one)"),
    ] = None,
    out: Annotated[str | None, typer.Option(help="folder or URL; what is there is not run again (runs/NAME)")] = None,
    engine: Annotated[str, choose("who runs the cells: this machine, or many", ["local", "ray"])] = "local",
    address: Annotated[str, typer.Option(help="of the Ray cluster; auto finds a running one")] = "auto",
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each Ray task; a fraction shares one")] = 0.0,
    jobs: Annotated[int | None, typer.Option(min=1, help="cells at a time (default: one per CPU)")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only print what there is to do and how long it will take")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="start again, or go on where a killed grid was")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="run only these arms, with commas, such as lora,fewgen/pooled")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="only print the grid's file, to copy and change it")] = False,
    json: o.Json = False,
) -> None:
    """A whole experiment: tasks x methods x seeds as a grid of cells, with tables and a page."""
    if engine not in ("local", "ray"):
        raise ConfigError(f"--engine {engine}: expected local or ray.")
    file, folder = find_grid(grid)
    if show:
        typer.echo(file.read_text(encoding="utf-8"), nl=False)
        return
    from dawgen.bench.arms import parse_arm
    from dawgen.bench.job import look_ahead, run_grid
    from dawgen.bench.plan import make_plan
    from dawgen.bench.read import read_grid
    from dawgen.bench.results import summarise_results
    from dawgen.bench.store import FILES, REPORT, check_sources, check_store, clear_cells, list_sources
    from dawgen.engine.storage import Store
    from dawgen.progress import is_quiet, warn
    from dawgen.report.run.files import read_settings
    from dawgen.runtime import count_cpus

    wanted = read_grid(file, data or folder, need_files=not dry_run)
    arms = None if only is None else [parse_arm(text.strip()) for text in only.split(",")]
    store = Store(out or Path("runs") / wanted.name)
    begun = check_store(store)
    if begun and not fresh:
        wanted = wanted.continue_from(read_settings(store.fetch("grid.yaml")))
    check_sources(store, wanted, file)
    plan = make_plan(wanted)
    slots = jobs or count_cpus()
    if dry_run:
        show_outlook(look_ahead(plan, store, arms, fresh=fresh), slots if engine == "local" else None)
        return
    with (
        store.hold("bench"),
        store.claim(FILES, "bench", list_sources(wanted, file), knows=lambda _: begun),
        store.claim((REPORT,), "report", knows=lambda _: begun),
    ):
        if begun and fresh:
            clear_cells(store)
        outlook = look_ahead(plan, store, arms)
        if not is_quiet():
            show_outlook(outlook, slots if engine == "local" else None)
        runner = open_engine(engine, slots, address, gpus)
        try:
            results = run_grid(plan, outlook, store, runner, engine, warn)
        finally:
            runner.close()
        _show_results(results)
        page = _write_report(store)
    typer.echo(f"report: {page}")
    o.print_json(summarise_results(results) | {"report": page}, json)
    if results["failed"]:
        raise typer.Exit(1)


def open_engine(name: str, slots: int, address: str, gpus: float) -> Engine:
    """Return the engine of that name."""
    if name == "ray":
        from dawgen.engine.on_ray import RayEngine

        return RayEngine(address, gpus=gpus, jobs=slots)
    from dawgen.engine.local import LocalEngine

    return LocalEngine(slots)


def show_outlook(outlook: Outlook, slots: int | None) -> None:
    """Print cells and predicted time per kind, and in all. slots: cells at a time, if this machine decides it."""
    from rich.console import Console
    from rich.table import Table

    from dawgen.cost.table import show_seconds

    console = Console(highlight=False, soft_wrap=True)
    table = Table("kind", "cells", "to run", "time of one CPU")
    for kind, cells, missing, seconds in outlook.list_kinds():
        table.add_row(kind, str(cells), str(missing), "-" if seconds is None else show_seconds(seconds))
    console.print(table)
    time = f"predicted {show_seconds(outlook.times.total)} of one CPU"
    if slots is not None:
        time += f", {show_seconds(outlook.times.total / slots)} with {slots} at a time"
    if not outlook.times.seconds and outlook.missing:
        time = "time not predicted"
    console.print(f"{len(outlook.missing)} of {len(outlook.cells)} cells to run: {time}")
    for reason, count in outlook.times.unknown.items():
        console.print(f"not predicted ({count} cells): {reason}", markup=False)


def _show_results(results: dict[str, Any]) -> None:
    """Print mean accuracy per arm, and what failed."""
    from rich.console import Console
    from rich.table import Table

    from dawgen.bench.results import average_rows, count_failures

    console = Console(highlight=False, soft_wrap=True)
    table = Table("task", "target", "arm", "shots", "multiple", "accuracy", "seeds", box=None, pad_edge=False)
    for *names, accuracy, seeds in average_rows(results["rows"]):
        table.add_row(*map(str, names), f"{100 * accuracy:.1f} %", str(seeds))
    table.columns[2].overflow = "fold"
    console.print(table)
    for reason, count in count_failures(results).items():
        console.print(f"failed ({count}): {reason}", markup=False)


def _write_report(store: Store) -> str:
    """Write the page about the grid and return where it is."""
    from dawgen.report.grid.page import render_grid

    store.write_text("report.html", render_grid(store.fetch("results.json").parent))
    return f"{store.url}/report.html"
