"""The command line: verbs only. Models and heavy libraries load inside the verb that needs them.

In use:

    dawgen run --task scenes-nli --out runs/first
    dawgen predict runs/first/prompts/dawgen --in rows.csv --out labelled.csv
"""

from __future__ import annotations

import sys

import typer

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
from dawgen.errors import DawgenError

app = typer.Typer(
    name="dawgen",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # which joins the lines of a paragraph
    help="From a handful of labelled texts to a tested soft prompt. Errors show a traceback with --debug.",
)
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


def main() -> None:
    """Run the command line; exit status 0 done, 1 the job failed, 2 input or arguments are wrong."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        app(arguments or ["--help"])
    except DawgenError as error:
        if debug:
            raise
        typer.echo(f"dawgen: {error}", err=True)
        sys.exit(error.exit_status)
    except OSError as error:
        if debug:
            raise
        typer.echo(f"dawgen: {error}. The job stopped; run the same command again to go on.", err=True)
        sys.exit(1)
