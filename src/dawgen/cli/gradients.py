"""`dawgen analyze gradients`: conflicts between synthetic and real gradients in finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dawgen.cli import options as o

Runs = Annotated[
    list[Path], typer.Argument(help="finished runs of one task and target, such as several seeds", metavar="RUN")
]


def gradients(
    runs: Runs,
    out: Annotated[Path | None, typer.Option(help="folder of the results (default: RUN/analysis of one run)")] = None,
    assign: o.Assign = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads (default: as many as the run took)")] = None,
    json: o.Json = False,
) -> None:
    """Do synthetic examples fight the real ones, more than noise does, and are they the mislabelled ones?

    Each run's prompt is trained twice again, without gradient surgery and with it, to see every row's own gradient in
    every step beside controls: other real rows, shuffled labels, random text. It takes three to four times as long as
    the two trainings did. Writes gradients.html, gradients.json, steps.csv and examples.csv.
    """
    from dawgen.evaluate.gradients.study import analyze_gradients

    found = analyze_gradients(runs, out, assignments=assign or (), threads=threads)
    for sentence in found["sentences"]:
        typer.echo(sentence)
    typer.echo(f"page: {(out or runs[0] / 'analysis') / 'gradients.html'}")
    o.print_json(found, json)
