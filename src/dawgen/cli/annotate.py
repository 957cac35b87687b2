"""The verb that lets people rate examples, or label new ones: annotate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import choose
from dawgen.errors import ConfigError, suggest

if TYPE_CHECKING:
    from dawgen.evaluate.annotate.pool import Pool
    from dawgen.evaluate.annotate.session import Session

BEGIN, NEXT = "A new session of ratings", "A new session of labels"
FORM, AFTER = "The form", "What came of it"
CSV, LABEL_STUDIO = "csv", "label-studio"


def annotate(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="synthetic sets (files, set folders, runs; NAME=PATH), or a session", metavar="SET"),
    ] = None,
    real: Annotated[
        str | None, typer.Option(help="the few real examples (default: those of SET's run)", rich_help_panel=BEGIN)
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="a task that `dawgen tasks` lists, or a YAML file", rich_help_panel=BEGIN)
    ] = None,
    columns: Annotated[str | None, typer.Option(help="columns of the files as JSON", rich_help_panel=BEGIN)] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="the session's folder (default: runs/annotate-TASK-SEED)", rich_help_panel=BEGIN),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="rows of each source (20), or to label (16)", rich_help_panel=BEGIN),
    ] = None,
    controls: Annotated[
        int | None, typer.Option(min=0, help="rows made bad on purpose, in all (12)", rich_help_panel=BEGIN)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="seed of the sample (default: 13)", rich_help_panel=BEGIN)] = None,
    guide: Annotated[
        Path | None, typer.Option(help="a text file with instructions for the page", rich_help_panel=BEGIN)
    ] = None,
    uncertain: Annotated[
        str | None,
        typer.Option(
            help="unlabelled texts, of which people label those that a prompt is least sure of",
            metavar="POOL",
            rich_help_panel=NEXT,
        ),
    ] = None,
    prompt: Annotated[
        Path | None, typer.Option(help="the prompt that is asked: a bundle", metavar="BUNDLE", rich_help_panel=NEXT)
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="the rows that it learned from, which are not asked for", rich_help_panel=NEXT)
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="test rows, which are not asked for either", rich_help_panel=NEXT)
    ] = None,
    score: Annotated[
        int | None, typer.Option(min=1, help="most rows of the pool that the prompt reads (5000)", rich_help_panel=NEXT)
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
    training: Annotated[
        Path | None,
        typer.Option(help="write the training rows and the labelled ones: .jsonl, .csv or .tsv", rich_help_panel=AFTER),
    ] = None,
    unanimous: Annotated[
        bool,
        typer.Option("--unanimous", help="with --training: only what all annotators agree on", rich_help_panel=AFTER),
    ] = False,
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
    """Let people rate a blind sample of real, synthetic and control rows, or label the rows that help a prompt most.

    dawgen annotate SET --real FILE draws the sample and serves the form until Ctrl+C. dawgen annotate FOLDER continues
    with it, dawgen annotate FOLDER --report prints the results.

    dawgen annotate --uncertain POOL --prompt BUNDLE --train FILE asks for labels of the rows that the prompt is least
    sure of; dawgen annotate FOLDER --training NEW.csv writes old rows and new ones.
    """
    check_options(report, gains, export, to, sources_too, answers_too)
    check_labels(uncertain, {"prompt": prompt, "train": train, "test": test, "score": score})
    named = o.parse_columns(columns)
    if uncertain is None:
        if unanimous and training is None:
            raise ConfigError("--unanimous goes with --training. Add it, or leave --unanimous out.")
        from dawgen.evaluate.annotate.start import Begin, open_session

        if not sources:
            raise ConfigError("expected a synthetic set, a session, or --uncertain POOL. Name one.")
        session = open_session(sources, Begin(real, task, named, out, rows, controls, seed, guide))
    else:
        check_alone(sources, {"real": real, "task": task, "controls": controls})
        from dawgen.evaluate.annotate.uncertain import Ask, open_labels

        assert prompt is not None and train is not None  # `check_labels`
        session, pool = open_labels(Ask(uncertain, prompt, train, test, named, out, rows, score, seed, guide))
        typer.echo(describe_pool(pool, uncertain))
    done: dict[str, Any] = {}
    if take is not None:
        done["imported"] = import_file(session, take)
    if export is not None and to is not None:
        done["exported"] = export_file(session, export, to, sources_too, answers_too)
    if report:
        done |= show_report(session, gains)
    if training is not None:
        done |= write_rows(session, training, unanimous)
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


def check_labels(pool: str | None, given: dict[str, Any]) -> None:
    """Raise ConfigError for options of a session of labels that are missing, or are there without one."""
    if pool is None:
        if wrong := [name for name, value in given.items() if value is not None]:
            raise ConfigError(f"--{wrong[0]} goes with --uncertain POOL. Add it, or leave --{wrong[0]} out.")
    elif missing := [name for name in ("prompt", "train") if given[name] is None]:
        wanted = {
            "prompt": "--prompt BUNDLE, the prompt to ask",
            "train": "--train FILE, the rows that it learned from",
        }
        raise ConfigError(f"--uncertain: expected {wanted[missing[0]]}.")


def check_alone(sources: list[str] | None, given: dict[str, Any]) -> None:
    """Raise ConfigError for what belongs to a session of ratings only."""
    wrong = [f"--{name}" for name, value in given.items() if value is not None] + (sources or [])
    if wrong:
        raise ConfigError(f"--uncertain: {wrong[0]} belongs to a session of ratings. Leave it out.")


def describe_pool(pool: Pool, name: str) -> str:
    """Return how many rows of a pool were scored, and why not the others."""
    left = ", ".join(f"{count:,} {why}" for why, count in pool.left_out.items())
    return f"{name}: {pool.rows:,} rows, {len(pool.examples):,} scored" + (f" ({left})" if left else "")


def write_rows(session: Session, path: Path, unanimous: bool) -> dict[str, Any]:
    """Write a training file with the labelled rows; returns counts."""
    from dawgen.evaluate.annotate.labels import write_training

    numbers = write_training(session, path, unanimous=unanimous)
    left = ", ".join(f"{count} {why}" for why, count in numbers["left_out"].items())
    typer.echo(
        f"{path}: {numbers['rows']} rows, {numbers['added']} of them new" + (f"; left out: {left}" if left else "")
    )
    most = max(numbers["labels"].values())
    typer.echo(f"All of them train with  dawgen run --train {path} --shots {most} --imbalance keep")
    return numbers


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
    from dawgen.evaluate.annotate.session import LABELS

    if session.kind == LABELS:
        from dawgen.evaluate.annotate.labels import describe_labels, show_labels

        if gains is not None:
            raise ConfigError("--gains belongs to a session of ratings. Leave it out.")
        numbers = describe_labels(session)
        typer.echo(show_labels(numbers))
        return numbers
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
    typer.echo(f"\nOpen  {link}\nCtrl+C stops the form; nothing is lost.")
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
    """Print how many rows each annotator has answered."""
    shown = ", ".join(f"{name} {count} of {len(session.items)}" for name, count in count_answers(session).items())
    typer.echo(f"answers: {shown or 'none yet'}")


def count_answers(session: Session) -> dict[str, int]:
    """Return how many rows each annotator has answered, skipped ones included."""
    from collections import Counter

    return dict(sorted(Counter(annotator for annotator, _ in session.ratings.read()).items()))
