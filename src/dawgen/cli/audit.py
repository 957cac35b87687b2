"""The verbs for data before training: audit, and draw for data to try things on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from dawgen.cli import options as o


def audit(
    synthetic: Annotated[str, typer.Argument(help="a synthetic set, yours or anyone's: folder or file", metavar="SET")],
    real: Annotated[str, typer.Option(help="the real examples that the set should be like")],
    task: o.Task = None,
    test: Annotated[
        str | None, typer.Option(help="labelled examples that must not be in the set; they measure the judge")
    ] = None,
    dev: Annotated[str | None, typer.Option(help="more examples that must not be in the set")] = None,
    gold: Annotated[
        str | None, typer.Option(help="more real examples for the judge of labels, used if there is no oracle")
    ] = None,
    generator: Annotated[
        Path | None, typer.Option(help="the tuned generator that wrote the set: does it agree with the labels?")
    ] = None,
    embedding: Annotated[
        str | None,
        typer.Option(help="minilm, or another sentence encoder, for the texts' vectors (default: the target)"),
    ] = None,
    mauve: Annotated[bool, typer.Option("--mauve", help="measure MAUVE too; needs 200 rows or more a side")] = False,
    columns: o.Columns = None,
    config: o.Config = None,
    preset: o.Preset = "mini",
    assign: o.Assign = None,
    seed: o.Seed = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """Measure a synthetic set: are its labels right, and are its texts like real ones, varied, and free of copies,
    leaks and shortcuts that reveal the label?

    Warnings in plain words are at the end.
    """
    settings = o.make_config(
        preset,
        config,
        assign,
        columns=columns,
        task=task,
        train=real,
        test=test,
        dev=dev,
        seed=seed,
        threads=threads,
    )
    from dawgen.data import find_set
    from dawgen.evaluate.audit.job import audit_set
    from dawgen.evaluate.audit.quality_lines import list_lines

    numbers = audit_set(
        settings,
        find_set(synthetic),
        gold=gold,
        generator=None if generator is None else str(generator),
        embedding=embedding,
        mauve=mauve,
    )
    for line in list_lines(numbers, width=shutil.get_terminal_size((120, 24)).columns):
        typer.echo(line)
    o.print_json(numbers, json)


def draw(
    task: Annotated[str, typer.Argument(help="a built-in task whose labels are exact, such as scenes-nli")],
    out: Annotated[Path, typer.Option(help="folder of train, dev, test, gold and texts .jsonl")],
    shots: Annotated[int, typer.Option(min=1, help="rows per label of train and dev")] = 16,
    test: Annotated[int, typer.Option(min=0, help="rows of the test file, the same for every seed")] = 600,
    gold: Annotated[int, typer.Option(min=0, help="rows per label of a large labelled file")] = 0,
    texts: Annotated[int, typer.Option(min=0, help="texts without labels, the first texts of new pairs")] = 1000,
    seed: o.Seed = None,
) -> None:
    """Write data of a built-in task as files, to try things on."""
    from dawgen.config import SEED
    from dawgen.evaluate.audit.job import draw_files

    written = draw_files(task, out, seed=SEED if seed is None else seed, shots=shots, test=test, gold=gold, texts=texts)
    for name, rows in written.items():
        typer.echo(f"{out / name}.jsonl  {rows} rows")
