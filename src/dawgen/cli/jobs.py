"""The verbs for whole jobs: demo, run, report, tasks, config show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import choose, complete_lists
from dawgen.config import Tracker

Out = Annotated[Path | None, typer.Option(help="run folder (default: runs/TASK-SEED)")]

SHOWN = 6  # labels of a task in the list of tasks


def demo(
    out: Annotated[Path | None, typer.Option(help="run folder (default: runs/demo, with --real runs/real)")] = None,
    real: Annotated[
        bool, typer.Option("--real", help="SmolLM2 on support tickets: about ten minutes on two cores")
    ] = False,
    seed: o.Seed = None,
    threads: o.Threads = None,
    fresh: o.Fresh = False,
    json: o.Json = False,
) -> None:
    """The whole job on the built-in task and models: no network, a few minutes; ends with a table and a report."""
    from dawgen.config import SEED
    from dawgen.runs.demo import list_written, run_demo

    out = out or Path("runs") / ("real" if real else "demo")
    metrics = run_demo(out, real=real, seed=SEED if seed is None else seed, threads=threads, fresh=fresh)
    if real:
        typer.echo("The first texts that were written for each label, as they came:")
        for label, fate, text in list_written(out):
            typer.echo(f"  {label}, {fate}: {text}")
    _show(metrics, out, json)


def run(
    task: o.Task = None,
    train: o.Train = None,
    dev: o.Dev = None,
    test: o.Test = None,
    unlabelled: o.Unlabelled = None,
    synthetic: o.Synthetic = None,
    shots: o.Shots = None,
    per_label: o.PerLabel = None,
    methods: o.Methods = None,
    label_words: o.LabelWords = None,
    question: o.Question = None,
    name: o.Name = None,
    leaks: o.Leaks = None,
    conflicts: o.Conflicts = None,
    imbalance: o.Unequal = None,
    track: Annotated[
        str | None,
        typer.Option(
            help=f"also log to {', '.join(get_args(Tracker))}; names with commas",
            autocompletion=complete_lists(get_args(Tracker)),
        ),
    ] = None,
    config: o.Config = None,
    preset: o.Preset = "mini",
    assign: o.Assign = None,
    out: Out = None,
    seed: o.Seed = None,
    threads: o.Threads = None,
    fresh: o.Fresh = False,
    json: o.Json = False,
) -> None:
    """The whole job on your data: few shots in, a synthetic set, tested soft prompts and a report out."""
    settings = o.make_config(
        preset,
        config,
        assign,
        label_words,
        task=task,
        train=train,
        dev=dev,
        test=test,
        unlabelled=unlabelled,
        synthetic=synthetic,
        shots=shots,
        per_label=per_label,
        methods=None if methods is None else [name.strip() for name in methods.split(",")],
        tracking=None if track is None else [name.strip() for name in track.split(",")],
        question=question,
        name=name,
        leaks=leaks,
        conflicts=conflicts,
        imbalance=imbalance,
        seed=seed,
        threads=threads,
    )
    from dawgen.runs.run import run_job

    if out is None:
        called = settings.name or Path(settings.task or settings.train or "run").name.split(".")[0]
        out = Path("runs") / f"{called}-{settings.seed}"
    _show(run_job(settings, out, fresh=fresh), out, json)


def report(
    paths: Annotated[list[Path], typer.Argument(help="run folders, or the folder of one grid")],
    out: Annotated[
        Path | None, typer.Option(help="the page (default: report.html of the folder, of this one for several)")
    ] = None,
    compare: Annotated[str | None, choose("published numbers beside a grid's", ["paper"])] = None,
    baseline: Annotated[str | None, typer.Option(help="arm with which a grid's other arms are compared")] = None,
    tables: Annotated[
        Path | None, typer.Option(help="also write every table as Markdown, LaTeX and CSV into this folder")
    ] = None,
) -> None:
    """Write one self-contained HTML page about runs or a grid."""
    from dawgen.bench.store import is_grid_folder
    from dawgen.files import write_text
    from dawgen.outputs import claim, hold
    from dawgen.report import make_report
    from dawgen.report.table.exports import list_files, write_tables
    from dawgen.runs.folder import is_run

    target = out or (paths[0] / "report.html" if len(paths) == 1 else Path("report.html"))
    # pages from before there were notes lie in a folder that is dawgen's
    with claim([target], "report", knows=lambda path: is_run(path.parent) or is_grid_folder(path.parent)):
        page, found = make_report(paths, compare=compare, baseline=baseline)
        write_text(target, page)
    typer.echo(str(target))
    if tables is not None:
        with hold(tables, "report --tables", list_files(found)):
            written = write_tables(found, tables)
        typer.echo(f"{tables}: {len(found)} tables in {len(written)} files")


def tasks(json: o.Json = False) -> None:
    """List the tasks that come with dawgen: name, texts or pairs, labels (with --json all that a task holds)."""
    from dawgen.tasks import Task

    known = [Task.load(name) for name in Task.names()]
    for task in known:
        labels = (
            task.labels if len(task.labels) <= SHOWN else (*task.labels[:SHOWN], f"... ({len(task.labels)} labels)")
        )
        typer.echo(f"{task.name:18} {'pairs' if task.pair else 'texts'}  {', '.join(labels)}")
    o.print_json([task.model_dump(mode="json") for task in known], json)


def show_config(
    config: o.Config = None, preset: o.Preset = "mini", assign: o.Assign = None, json: o.Json = False
) -> None:
    """Print every setting as it would be used, with its meaning, default and what it may be.

    The output is a file for --config. With --json: settings, and meanings by key.
    """
    from dataclasses import asdict

    from dawgen.meanings import list_meanings, write_settings

    settings = o.make_config(preset, config, assign)
    typer.echo(write_settings(settings), nl=False)
    meanings = {one.key: asdict(one) for one in list_meanings()} if json else {}
    o.print_json({"settings": settings.model_dump(mode="json"), "meanings": meanings}, json)


def _show(metrics: dict[str, Any], out: Path, json: bool) -> None:
    """Print the tables of a run and where its report is."""
    from rich.console import Console
    from rich.table import Table

    from dawgen.stats import show_percent as share

    console = Console(highlight=False, soft_wrap=True)
    table = Table("method", "accuracy", "macro-F1", "test rows", "seconds")
    for name, row in metrics["methods"].items():
        table.add_row(name, share(row["accuracy"]), share(row["macro_f1"]), str(row["n_test"]), f"{row['seconds']:.0f}")
    console.print(table)
    kinds = {name: row for name, row in metrics["generators"].items() if row["label_fidelity"] is not None}
    if kinds:
        table = Table("generator", "label fidelity", "ungrammatical")
        for name, row in kinds.items():
            table.add_row(name, share(row["label_fidelity"]), share(row["ungrammatical"]))
        if metrics["synthetic"] and metrics["synthetic"].get("label_fidelity") is not None:
            table.add_row("after curation", share(metrics["synthetic"]["label_fidelity"]), "")
        console.print(table)
    met = {name: row["interference"] for name, row in metrics["methods"].items() if "interference" in row}
    if met:
        table = Table("real against synthetic gradient", "cosine", "in conflict", "removed")
        for name, row in met.items():
            table.add_row(name, f"{row['cos']:.3f}", share(row["conflict"]), share(row["removed"]))
        console.print(table)
    for warning in metrics["warnings"]:
        console.print(f"warning: {warning}", markup=False)
    console.print(f"report: {out / 'report.html'}", markup=False)
    if best := _find_best(metrics["methods"], out):
        console.print(f"label texts with the best: dawgen predict {best} --in FILE --out FILE", markup=False)
    o.print_json(metrics, json)


def _find_best(methods: dict[str, dict[str, Any]], out: Path) -> Path | None:
    """Return the prompt or probe that was right most often, one on gold rows aside; None where nothing was measured."""
    from dawgen.methods.kept.probe import has_probe
    from dawgen.methods.table import METHODS
    from dawgen.prompt.bundle.files import INFO

    measured = {name: row["accuracy"] for name, row in methods.items() if row["accuracy"] is not None}
    folders = {name: out / "prompts" / name for name in measured if not METHODS[name].gold}
    kept = [name for name, folder in folders.items() if has_probe(folder) or (folder / INFO).is_file()]
    return folders[max(kept, key=measured.__getitem__)] if kept else None
