"""The command line: verbs only. Models and heavy libraries load inside the verb that needs them.

In use:

    dawgen run --task scenes-nli --out runs/first
    dawgen predict runs/first/prompts/dawgen --in rows.csv --out labelled.csv
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from dawgen import __version__
from dawgen.cli import (
    analyze,
    annotate,
    audit,
    bench,
    breakpoints,
    doctor,
    export,
    gradients,
    jobs,
    models,
    predict,
    serve,
    stages,
)
from dawgen.errors import DawgenError, describe_disk_fault, explain_invalid, first_line

app = typer.Typer(
    name="dawgen",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # which joins the lines of a paragraph
    help="From a handful of labelled texts to a tested soft prompt.",
)
SWITCHES = ("--debug", "--quiet", "-q")  # of no single verb: they may stand before it or behind it
config_app = typer.Typer(no_args_is_help=True, help="The settings.")
app.add_typer(config_app, name="config")
app.add_typer(analyze.app, name="analyze")
analyze.app.command("breakpoints", context_settings=breakpoints.CONTEXT)(breakpoints.breakpoints)
analyze.app.command("gradients")(gradients.gradients)
config_app.command("show")(jobs.show_config)
for verb in (
    jobs.demo,
    jobs.run,
    bench.bench,
    stages.tune,
    stages.preview,
    stages.generate,
    stages.curate,
    audit.audit,
    annotate.annotate,
    stages.train,
    stages.evaluate,
    predict.predict,
    serve.serve,
    export.export,
    doctor.doctor,
    jobs.report,
    jobs.tasks,
    models.models,
    audit.draw,
):
    app.command()(verb)
app.command("import")(export.import_)


def split_switches(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the switches of all verbs, and the other arguments; what stands behind `--` is none."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    switches = [argument for argument in arguments[:end] if argument in SWITCHES]
    return switches, [argument for argument in arguments[:end] if argument not in SWITCHES] + arguments[end:]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dawgen {__version__}")
        raise typer.Exit


@app.callback()
def take_switches(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="print the version and end")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="stdout has the result, stderr nothing but errors; also behind a verb"),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="errors show a traceback; also behind a verb")] = False,
) -> None:
    """From a handful of labelled texts to a tested soft prompt."""
    from dawgen.progress import be_quiet

    be_quiet(quiet)


def main() -> None:
    """Run the command line; exit status 0 done, 1 the job failed, 2 input or arguments are wrong."""
    switches, arguments = split_switches(sys.argv[1:])
    debug = "--debug" in switches
    open_output()
    try:
        try:
            app([*switches, *(arguments or ["--help"])], prog_name="dawgen")
        finally:
            flush_output()
    except Exception as error:
        if debug:
            raise
        message, status = explain_failure(error)
        typer.echo(f"dawgen: {message}", err=True)
        sys.exit(status)


def open_output() -> None:
    """Make stdout and stderr take any text: a sign that their encoding lacks is written as \\u0416.

    One that is closed takes everything and keeps nothing.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Write what stdout still holds, while an error of it can be told; nobody reads a closed pipe any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter would try again at its end
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.filename is None:
            error.filename = "the standard output"
        raise


def explain_failure(error: Exception) -> tuple[str, int]:
    """Return what to say of an error, and the exit status."""
    if isinstance(error, DawgenError):
        return str(error), error.exit_status
    if isinstance(error, OSError):
        return describe_disk_fault(error), 1
    if isinstance(error, MemoryError):
        return "the memory is full.\nClose other programs, or take smaller models, batches or files.", 1
    if hasattr(error, "errors") and type(error).__name__ == "ValidationError":
        return explain_invalid(error), 2
    return (
        f"unexpected {type(error).__name__}: {first_line(error)}\n"
        "This is a fault of dawgen or of a library. With --debug the traceback is shown: please report it.",
        1,
    )
