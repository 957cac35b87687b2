"""The verbs that look at data before anything is trained on them: audit, and draw for data to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dawgen.cli import options as o


def audit(
    synthetic: Annotated[str, typer.Argument(help="a synthetic set: folder or file", metavar="SET")],
    real: Annotated[str, typer.Option(help="the few real examples")],
    task: o.Task = None,
    config: o.Config = None,
    preset: o.Preset = "mini",
    assign: o.Assign = None,
    seed: o.Seed = None,
    threads: o.Threads = None,
    json: o.Json = False,
) -> None:
    """How many labels of a synthetic set are right, and how far its texts are from the real ones."""
    settings = o.make_config(preset, config, assign, task=task, train=real, seed=seed, threads=threads)
    from dawgen.pipeline.audit import audit_set

    numbers = audit_set(settings, str(o.find_set(synthetic)))
    _show(numbers)
    o.print_json(numbers, json)


def draw(
    task: Annotated[str, typer.Argument(help="a built-in task whose labels are exact, such as scenes-nli")],
    out: Annotated[Path, typer.Option(help="folder of train, dev, test, gold and texts .jsonl")],
    shots: Annotated[int, typer.Option(min=1, help="rows per label of train and dev")] = 16,
    test: Annotated[int, typer.Option(min=0, help="rows of the test file, the same for every seed")] = 600,
    gold: Annotated[int, typer.Option(min=0, help="rows per label of a large labelled file")] = 0,
    texts: Annotated[int, typer.Option(min=0, help="texts without labels, the first texts of new pairs")] = 1000,
    seed: Annotated[int, typer.Option(help="seed of everything that is drawn")] = 13,
) -> None:
    """Write data of a built-in task as files, to try things on."""
    from dawgen.pipeline.audit import draw_files

    written = draw_files(task, out, seed=seed, shots=shots, test=test, gold=gold, texts=texts)
    for name, rows in written.items():
        typer.echo(f"{out / name}.jsonl  {rows} rows")


def _show(numbers: dict[str, Any]) -> None:
    from dawgen.pipeline.progress import plain_number as share

    counts = ", ".join(f"{label} {count}" for label, count in numbers["labels"].items())
    typer.echo(f"rows             {numbers['rows']} ({counts})")
    correct = numbers["label_correctness"]
    if correct["source"]:
        unread = f"{share(correct['ungrammatical'])} cannot be read"
        typer.echo(f"labels right     {share(correct['value'])} by the {correct['source']}; {unread}")
    else:
        typer.echo("labels right     unknown: no oracle knows this task")
    against = f"{numbers['real_rows']} real rows, as {numbers['embedding']} sees them"
    for name, unit in (("mmd", "kernel MMD^2"), ("energy", "energy distance")):
        d = numbers[name]
        typer.echo(
            f"{unit:16} {d['value']:.4f} +- {d['error']:.4f} from {against}; by chance below {d['chance']:.4f} "
            f"(p {d['p']:.3f})"
        )
