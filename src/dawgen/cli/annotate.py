"""The verb that lets people rate examples: annotate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import choose
from dawgen.errors import ConfigError, suggest

if TYPE_CHECKING:
    from dawgen.evaluate.annotate.session import Session

BEGIN, FORM, AFTER = "A new session", "The form", "What came of it"
CSV, LABEL_STUDIO = "csv", "label-studio"


def annotate(
    sources: Annotated[
        list[str],
        typer.Argument(help="synthetic sets (files, set folders, runs; NAME=PATH), or a session", metavar="SET"),
    ],
    real: Annotated[
        str | None, typer.Option(help="the few real examples (default: those of SET's run)", rich_help_panel=BEGIN)
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="a task that `dawgen tasks` lists, or a YAML file", rich_help_panel=BEGIN)
    ] = None,
    columns: Annotated[str | None, typer.Option(help="columns of the real file as JSON", rich_help_panel=BEGIN)] = None,
    out: Annotated[
        Path | None, typer.Option(help="the session's folder (default: runs/annotate-TASK-SEED)", rich_help_panel=BEGIN)
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="rows of each set and of the real ones (20)", rich_help_panel=BEGIN)
    ] = None,
    controls: Annotated[
        int | None, typer.Option(min=0, help="rows made bad on purpose, in all (12)", rich_help_panel=BEGIN)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="seed of the sample (default: 13)", rich_help_panel=BEGIN)] = None,
    guide: Annotated[
        Path | None, typer.Option(help="a text file with instructions for the page", rich_help_panel=BEGIN)
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="address to listen on; on others than this machine's own the link has a key", rich_help_panel=FORM
        ),
    ] = "127.0.0.1",
    # a fixed port: what a browser keeps for a page goes by its address
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one", rich_help_panel=FORM)] = 8765,
    browse: Annotated[bool, typer.Option("--open", help="open the form in a browser", rich_help_panel=FORM)] = False,
    report: Annotated[
        bool, typer.Option("--report", help="print agreement, scores per source and controls", rich_help_panel=AFTER)
    ] = False,
    gains: Annotated[
        Path | None,
        typer.Option(help="with --report: what sets were worth, CSV set,gain or a bench folder", rich_help_panel=AFTER),
    ] = None,
    export: Annotated[
        str | None, choose("write the rows to --to", ["csv", "label-studio"], rich_help_panel=AFTER)
    ] = None,
    to: Annotated[Path | None, typer.Option(help="file of --export", rich_help_panel=AFTER)] = None,
    sources_too: Annotated[
        bool, typer.Option("--sources", help="with --export csv: where each row comes from", rich_help_panel=AFTER)
    ] = False,
    answers_too: Annotated[
        bool, typer.Option("--answers", help="with --export label-studio: the answers so far", rich_help_panel=AFTER)
    ] = False,
    take: Annotated[
        Path | None,
        typer.Option("--import", help="answers: a filled-in CSV, Label Studio's export JSON", rich_help_panel=AFTER),
    ] = None,
    json: o.Json = False,
) -> None:
    """Let people rate relevance, fluency, label and novelty of a blind sample of real, synthetic and control rows.

    dawgen annotate SET --real FILE draws the sample and serves the form until Ctrl+C. dawgen annotate FOLDER continues
    with it, dawgen annotate FOLDER --report prints the results.
    """
    check_options(report, gains, export, to, sources_too, answers_too)
    from dawgen.evaluate.annotate.start import Begin, open_session

    session = open_session(sources, Begin(real, task, o.parse_columns(columns), out, rows, controls, seed, guide))
    done: dict[str, Any] = {}
    if take is not None:
        done["imported"] = import_file(session, take)
    if export is not None and to is not None:
        done["exported"] = export_file(session, export, to, sources_too, answers_too)
    if report:
        done |= show_report(session, gains)
    if not done:
        serve_form(session, host, port, browse)
        done = {"rows": len(session.items), "answers": count_answers(session)}
    o.print_json(done, json)


def check_options(
    report: bool, gains: Path | None, export: str | None, to: Path | None, sources: bool, answers: bool
) -> None:
    """Raise ConfigError for options that cannot be combined."""
    if export not in (None, CSV, LABEL_STUDIO):
        raise ConfigError(f"--export {export}: {suggest(export, (CSV, LABEL_STUDIO))}")
    if (export is None) != (to is None):
        raise ConfigError("expected --export FORMAT and --to FILE together, got one of them.")
    for given, name, wanted, right in (
        (gains is not None, "--gains", "--report", report),
        (sources, "--sources", f"--export {CSV}", export == CSV),
        (answers, "--answers", f"--export {LABEL_STUDIO}", export == LABEL_STUDIO),
    ):
        if given and not right:
            raise ConfigError(f"{name} goes with {wanted}. Add it, or leave {name} out.")


def import_file(session: Session, path: Path) -> dict[str, int]:
    """Store the answers of a file; returns how many are new, and how many were stored before."""
    from dawgen.evaluate.annotate.imports import import_answers

    found = import_answers(session, path)
    typer.echo(f"{path}: {found.new} answers stored, {found.same} stood already")
    return {"new": found.new, "same": found.same}


def export_file(session: Session, kind: str, path: Path, sources: bool, answers: bool) -> dict[str, Any]:
    """Write the rows for another tool; returns the files."""
    from dawgen.evaluate.annotate.exports import export_csv, export_label_studio

    if kind == CSV:
        rows = export_csv(session, path, sources=sources)
        typer.echo(f"{path}: {rows} rows")
        return {"rows": rows, "files": [str(path)]}
    labelling = export_label_studio(session, path, answers=answers)
    typer.echo(f"{path}: {len(session.items)} tasks; {labelling}: the labelling interface of their project")
    return {"rows": len(session.items), "files": [str(path), str(labelling)]}


def show_report(session: Session, gains: Path | None) -> dict[str, Any]:
    """Print the results of the answers and return them."""
    from dawgen.evaluate.annotate.report import describe_session, format_session

    numbers = describe_session(session.folder, gains)
    typer.echo(format_session(numbers), nl=False)
    return numbers


def serve_form(session: Session, host: str, port: int, browse: bool) -> None:
    """Serve the form until Ctrl+C; prints what is in the sample, and the form's address."""
    from dawgen.evaluate.annotate.serve import keep_key, make_link, run_server
    from dawgen.evaluate.annotate.server import make_app
    from dawgen.web import open_socket

    key = keep_key(session.folder, host)
    app = make_app(session, key=key)
    session.ratings.claim()
    listener = open_socket(host, port)
    link = make_link(host, listener.getsockname()[1], key)
    show_session(session)
    typer.echo(f"\nRate at  {link}\nCtrl+C stops the form; nothing is lost.")
    if browse:
        typer.launch(link)
    run_server(app, listener)
    show_answers(session)


def show_session(session: Session) -> None:
    """Print the content of the sample."""
    from collections import Counter

    counts = ", ".join(
        f"{count} {source}" for source, count in sorted(Counter(i.source for i in session.items).items())
    )
    typer.echo(f"{session.folder}  {len(session.items)} rows: {counts}")
    show_answers(session)


def show_answers(session: Session) -> None:
    """Print how many rows each annotator has rated."""
    shown = ", ".join(f"{name} {count} of {len(session.items)}" for name, count in count_answers(session).items())
    typer.echo(f"answers: {shown or 'none yet'}")


def count_answers(session: Session) -> dict[str, int]:
    """Return how many rows each annotator has rated, skipped ones included."""
    from collections import Counter

    return dict(sorted(Counter(annotator for annotator, _ in session.ratings.read()).items()))
