"""`dawgen analyze breakpoints`: from how many real examples on synthetic data no longer help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dawgen.cli import options as o
from dawgen.errors import ConfigError

if TYPE_CHECKING:
    from dawgen.engine.storage import Store
    from dawgen.evaluate.breakpoints.study import Study

# Options with which this verb once ran a grid itself are let through, so that the error can say what to do instead.
CONTEXT = {"ignore_unknown_options": True, "allow_extra_args": True}
RAN = {
    *("--grid", "--task", "--shots", "--multiples", "--seeds", "--targets", "--schedules", "--preset", "--set"),
    *("--data", "--jobs", "--engine", "--address", "--gpus", "--dry-run"),
}


def breakpoints(
    context: typer.Context,
    folder: Annotated[
        str | None, typer.Argument(help="a finished grid: the folder or URL of dawgen bench", metavar="FOLDER")
    ] = None,
    out: Annotated[str | None, typer.Option(help="folder or URL of the page and its numbers (FOLDER)")] = None,
    least: Annotated[float, typer.Option(min=0, help="points of accuracy from which on a gain counts")] = 0.0,
    json: o.Json = False,
) -> None:
    """Shots by synthetic examples: where synthetic data and surgery stop helping, and which order of data is best.

    dawgen analyze breakpoints runs/mini reads a finished grid, and runs nothing. dawgen bench --grid breakpoints
    is a grid made for it.
    """
    words = [word for word in (folder, *context.args) if word is not None]
    if unknown := next((word.partition("=")[0] for word in words if word.startswith("-")), None):
        if unknown not in RAN:
            raise ConfigError(f"no such option: {unknown}; expected --out, --least or --json.")
        raise ConfigError(
            f"{unknown}: a finished grid is read here, and none is run. First run it, then give its folder:\n"
            "  dawgen bench --grid breakpoints --out runs/breakpoints\n"
            "  dawgen analyze breakpoints runs/breakpoints\n"
            "Tasks, shots, multiples, seeds, targets, schedules and settings are keys of its file, which --show prints "
            "(docs/bench.md)."
        )
    if len(words) != 1:
        raise ConfigError(f"expected one FOLDER, a finished grid of dawgen bench, got {' and '.join(words) or 'none'}.")
    from dawgen.engine.storage import Store

    source = Store(words[0])
    study = _study(source, least / 100)
    found = _write(study, Store(out) if out else source)
    _show(study)
    typer.echo(f"report: {found['report']}")
    o.print_json(found, json)


def _study(source: Store, least: float) -> Study:
    from dawgen.errors import DataError
    from dawgen.evaluate.breakpoints.study import study_grid
    from dawgen.report.grid.files import read_grid

    if not source.exists("results.json"):
        raise DataError(f"{source.url}: expected a grid's folder with results.json; give the --out of dawgen bench.")
    return study_grid(read_grid(source.fetch("results.json").parent), least=least)


def _write(study: Study, store: Store) -> dict[str, Any]:
    """Write breakpoints.html, breakpoints.csv and breakpoints.json, and return what --json prints."""
    from dawgen.bench.store import is_grid
    from dawgen.evaluate.breakpoints.page import format_points, render_study
    from dawgen.evaluate.breakpoints.study import describe_study
    from dawgen.evaluate.breakpoints.text import list_cautions, list_sentences

    found = describe_study(study)
    found = {"sentences": list_sentences(study), "cautions": list_cautions(study)} | found
    files = [f"breakpoints.{ending}" for ending in ("html", "csv", "json")]
    verb = "analyze breakpoints"
    with store.hold(verb), store.claim(files, verb, knows=lambda _: is_grid(store)):
        store.write_text(files[0], render_study(study))
        store.write_text(files[1], format_points(study))
        store.write_json(files[2], found)
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
