"""`dawgen analyze breakpoints`: from how many real examples on synthetic data no longer help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dawgen.cli import options as o
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from dawgen.bench.grid import Grid
    from dawgen.engine.storage import Store
    from dawgen.evaluate.breakpoints.study import Study

SIZES = {"--shots": "4,16,64,256", "--multiples": "0,1,4,16", "--seeds": "13,21,42"}


def breakpoints(
    folder: Annotated[
        str | None, typer.Argument(help="a folder or URL of dawgen bench: read it, run nothing", metavar="[FOLDER]")
    ] = None,
    grid: Annotated[
        Path | None, typer.Option(help="run this grid file, such as experiments/grids/breakpoints.yaml")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="run a grid on this task, which draws its own data (scenes-...)")
    ] = None,
    shots: Annotated[
        str | None, typer.Option(help=f"real examples per label, with --task ({SIZES['--shots']})")
    ] = None,
    multiples: Annotated[
        str | None,
        typer.Option(help=f"synthetic examples per real one, with --task; 0 is without any ({SIZES['--multiples']})"),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help=f"with --task ({SIZES['--seeds']})")] = None,
    targets: Annotated[
        str | None, typer.Option(help="models that learn the task, with --task (mini-t5,mini-flan)")
    ] = None,
    schedules: Annotated[str | None, typer.Option(help="orders of data, with --task (default: all)")] = None,
    preset: Annotated[str | None, typer.Option(help="mini, small, paper or modern, with --task (mini)")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="one setting, such as target.steps=50, with --task; repeatable")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="folder of the files that --grid names (default: its own)")] = None,
    out: Annotated[
        str | None, typer.Option(help="folder or URL; cells that are there are not run again (runs/NAME, or FOLDER)")
    ] = None,
    least: Annotated[float, typer.Option(min=0, help="points of accuracy from which on a gain counts")] = 0.0,
    jobs: Annotated[int | None, typer.Option(min=1, help="cells at a time (default: one per CPU)")] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for many machines")] = "local",
    address: Annotated[str, typer.Option(help="of the Ray cluster; auto finds a running one")] = "auto",
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each Ray task; a fraction shares one")] = 0.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what there is to run and how long it takes")
    ] = False,
    json: o.Json = False,
) -> None:
    """Shots by synthetic examples: where synthetic data and surgery stop helping, and which order of data is best.

    dawgen analyze breakpoints runs/mini reads a finished grid. With --grid or --task the grid is run first, in the
    same cells as dawgen bench has, so that a killed one goes on.
    """
    given = {"FOLDER": folder, "--grid": grid, "--task": task}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise ConfigError(
            f"expected one of FOLDER (a finished grid), --grid (a grid file) and --task, "
            f"got {' and '.join(named) or 'none'}."
        )
    if engine not in ("local", "ray"):
        raise ConfigError(f"--engine {engine}: expected local or ray.")
    sizes: dict[str, Any] = {"--shots": shots, "--multiples": multiples, "--seeds": seeds, "--targets": targets}
    sizes |= {"--schedules": schedules, "--preset": preset, "--set": assign}
    extra = [name for name, value in sizes.items() if value is not None]
    if task is None and extra:
        raise ConfigError(f"{extra[0]} belongs to --task; a grid file says it itself, and a finished grid has it.")
    from dawgen.engine.storage import Store

    if folder is not None:
        if dry_run:
            raise ConfigError("--dry-run belongs to --grid or --task: a finished grid is only read.")
        source, store = Store(folder), Store(out or folder)
    else:
        wanted = _make_grid(sizes, task) if task is not None else _read_grid(grid, data, dry_run)
        source = store = Store(out or Path("runs") / wanted.name)
        if not _run(wanted, store, engine, jobs, address, gpus, dry_run):
            return
    study = _study(source, least / 100)
    found = _write(study, store)
    _show(study)
    typer.echo(f"report: {found['report']}")
    o.print_json(found, json)
    if study.grid.failed and folder is None:
        raise typer.Exit(1)


def _make_grid(options: dict[str, Any], task: str) -> Grid:
    from dawgen.evaluate.breakpoints.grid import ORDERS, build_grid
    from dawgen.runs.settings import read_assignments

    chosen = options["--schedules"]
    return build_grid(
        task,
        targets=_split("mini-t5,mini-flan" if options["--targets"] is None else options["--targets"]),
        shots=_read_numbers("--shots", options),
        multiples=_read_numbers("--multiples", options),
        seeds=_read_numbers("--seeds", options),
        schedules=ORDERS if chosen is None else _split(chosen),
        preset=options["--preset"] or "mini",
        settings=read_assignments(options["--set"] or ()),
    )


def _read_grid(path: Path | None, data: Path | None, dry_run: bool) -> Grid:
    from dawgen.bench.grid import read_grid

    assert path is not None
    return read_grid(path, data, need_files=not dry_run)


def _run(grid: Grid, store: Store, engine: str, jobs: int | None, address: str, gpus: float, dry_run: bool) -> bool:
    """Run the missing cells; returns whether there is something to read: not after a dry run."""
    from dawgen.bench.job import look_ahead, run_grid
    from dawgen.bench.plan import make_plan
    from dawgen.cli.bench import open_engine, show_outlook
    from dawgen.runtime import count_cpus

    plan, slots = make_plan(grid), jobs or count_cpus()
    outlook = look_ahead(plan, store)
    show_outlook(outlook, slots if engine == "local" else None)
    if dry_run:
        return False
    runner = open_engine(engine, slots, address, gpus)
    try:
        run_grid(plan, outlook, store, runner, engine, lambda line: typer.echo(line, err=True))
    finally:
        runner.close()
    return True


def _study(source: Store, least: float) -> Study:
    from dawgen.errors import DataError
    from dawgen.evaluate.breakpoints.study import study_grid
    from dawgen.report.grid.files import read_grid

    if not source.exists("results.json"):
        raise DataError(f"{source.url}: expected a grid's folder with results.json; give the --out of dawgen bench.")
    return study_grid(read_grid(source.fetch("results.json").parent), least=least)


def _write(study: Study, store: Store) -> dict[str, Any]:
    """Write breakpoints.html, breakpoints.csv and breakpoints.json, and return what --json prints."""
    from dawgen.evaluate.breakpoints.page import format_points, render_study
    from dawgen.evaluate.breakpoints.study import describe_study
    from dawgen.evaluate.breakpoints.text import list_cautions, list_sentences

    found = describe_study(study)
    found = {"sentences": list_sentences(study), "cautions": list_cautions(study)} | found
    store.write_text("breakpoints.html", render_study(study))
    store.write_text("breakpoints.csv", format_points(study))
    store.write_json("breakpoints.json", found)
    return found | {"report": f"{store.url}/breakpoints.html"}


def _show(study: Study) -> None:
    from rich.console import Console

    from dawgen.evaluate.breakpoints.text import list_cautions, list_sentences

    console = Console(highlight=False, soft_wrap=True)
    for title, texts in list_sentences(study).items():
        console.print(f"{title}:", markup=False)
        for text in texts:
            console.print(f"- {text}", markup=False)
    for text in list_cautions(study):
        console.print(f"note: {text}", markup=False)


def _read_numbers(name: str, options: dict[str, Any]) -> list[int]:
    """Return the whole numbers of an option. Raises ConfigError for anything else."""
    text = SIZES[name] if options[name] is None else options[name]
    try:
        return [int(part) for part in _split(text)]
    except ValueError as error:
        raise ConfigError(f"{name} {text}: expected whole numbers with commas, such as {SIZES[name]}.") from error


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
