"""The verbs that exchange prompts and sets with others: export and import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import complete_models, complete_tasks


def export(
    source: Annotated[Path, typer.Argument(help="a trained soft prompt or a synthetic set", metavar="BUNDLE|SET")],
    out: Annotated[Path | None, typer.Option(help="new folder: a PEFT adapter, or a data set, with its card")] = None,
    push: Annotated[
        str | None, typer.Option(help="publish it on the Hugging Face Hub as OWNER/NAME; lists the files first")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="a new repository is private")] = False,
    license: Annotated[  # noqa: A002
        str | None, typer.Option(help="the hub's identifier, such as apache-2.0 (default: other, unknown)")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="the base model's name on the hub, where the bundle names a folder")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="where the base model is, if it has moved", autocompletion=complete_models)
    ] = None,
    runs: Annotated[
        list[Path] | None, typer.Option(help="a run of the same job with another seed, for the card; may be repeated")
    ] = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Write a soft prompt as an adapter that PEFT loads, or a synthetic set as a data set, with a card of all that is
    known.

    Nothing leaves this machine without --push. The token is read as huggingface_hub does (`hf auth login`, HF_TOKEN).
    """
    from dawgen.deploy.export.exporting import Exported, export
    from dawgen.runtime import set_threads

    def announce(done: Exported) -> None:
        where = f"to {push} ({'private if new, ' if private else ''}{done.kind})" if push else f"in {out}"
        typer.echo(f"{'publishing' if push else 'written'} {where}:")
        for name, size in done.files.items():
            typer.echo(f"  {name}  {size:,} bytes")

    set_threads(threads, 1)  # a base answers a few rows
    options: dict[str, Any] = {"license": license, "base": base, "model": model, "runs": runs or ()}
    done = export(source, out, push=push, private=private, announce=announce, **options)
    if done.url:
        typer.echo(done.url)
    o.print_json(
        {"kind": done.kind, "out": None if out is None else str(out), "files": done.files, "url": done.url}, json
    )


def import_(
    adapter: Annotated[str, typer.Argument(help="an adapter's folder, or OWNER/NAME on the hub", metavar="ADAPTER")],
    out: Annotated[Path, typer.Option(help="new folder of the bundle")],
    task: Annotated[
        str | None,
        typer.Option(
            help="what an adapter of others is for: a task that `dawgen tasks` lists, or a YAML file",
            autocompletion=complete_tasks,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="the base model (default: the one that the adapter names)", autocompletion=complete_models),
    ] = None,
    label_words: o.LabelWords = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Make a bundle of a PEFT prompt-tuning adapter: dawgen's own come back as they were, others need --task.

    The base model is loaded and checked; only safetensors are read, never a pickle.
    """
    from dawgen.deploy.export.importing import import_peft
    from dawgen.progress import warn
    from dawgen.runtime import set_threads

    set_threads(threads, 1)  # a base answers a few rows
    words = None if label_words is None else o.parse_label_words(label_words)
    done = import_peft(adapter, out, task=task, model=model, label_words=words)
    for note in done.notes:
        warn(f"note: {note}")
    typer.echo(str(done.folder))
    o.print_json({"out": str(done.folder), "base": done.base, "task": done.task, "notes": list(done.notes)}, json)
