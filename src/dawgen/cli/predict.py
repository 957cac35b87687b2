"""The verb that labels files: predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import choose
from dawgen.section import MOST_THREADS


def predict(
    bundle: Annotated[
        Path, typer.Argument(help="a trained soft prompt, or a probe, of a run's prompts/", metavar="BUNDLE")
    ],
    source: Annotated[
        str, typer.Option("--in", help="texts: .parquet, .jsonl, .csv, .tsv, .txt or .json; labels are not needed")
    ],
    out: Annotated[Path, typer.Option(help="the same rows with label and probability: .parquet, .jsonl or .csv")],
    every: Annotated[
        bool, typer.Option("--all", help="write each label's probability too, in columns p(LABEL)")
    ] = False,
    below: Annotated[
        float | None,
        typer.Option(help="of a likeliest label with less probability only --else is written, such as 0.7"),
    ] = None,
    instead: Annotated[
        str | None, typer.Option("--else", help="the word for such rows, such as unsure; no label of the task")
    ] = None,
    columns: o.Columns = None,
    threads: Annotated[int, typer.Option(min=1, max=MOST_THREADS, help="CPU threads of each worker")] = 1,
    shard_rows: Annotated[int, typer.Option(min=1, help="rows of a shard: the most work that a kill can lose")] = 4096,
    engine: Annotated[str, choose("who labels the shards: this machine, or many", ["local", "ray"])] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes (default: as CPUs, memory and rows allow; 1 on a GPU)")
    ] = None,
    address: Annotated[str, typer.Option(help="of the Ray cluster; auto finds a running one")] = "auto",
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of each Ray task; a fraction shares one")] = 0.0,
    fresh: o.Fresh = False,
    json: o.Json = False,
) -> None:
    """Label a file of any size with a soft prompt or a probe, in flat memory.

    The output has the input's columns, unchanged and in order, then `label` and the `probability` of that label, then
    with `--all` a column `p(LABEL)` for each label. An input column with one of these names is not used and becomes
    `given_label`, for example.

    With `--below 0.7 --else unsure` rows get the label `unsure` whose likeliest one has a probability below 0.7; their
    `probability` is still that one's.

    Rows are labelled in shards that lie in OUT.parts until OUT is whole. Killed, the same command goes on with the
    first shard that is missing; the bytes are the same however often it was killed and whatever the workers.
    """
    from dawgen.deploy.predict.job import How, label_file
    from dawgen.deploy.predict.what import What
    from dawgen.progress import warn

    what = What(every, below, instead)
    how = How(shard_rows, threads, engine, workers, address, gpus, fresh)
    numbers = label_file(bundle, source, out, columns=o.parse_columns(columns), what=what, how=how)
    speed = numbers["rows_per_second"]
    typer.echo(f"{numbers['rows']:,} rows in {out}" + (f", {speed:,.0f} rows/s" if speed else ""))
    for label, count in numbers["labels"].items():
        typer.echo(f"{count:>12,}  {label}")
    if instead is not None:
        share = numbers["abstained"] / max(1, numbers["rows"])
        typer.echo(f"{numbers['abstained']:>12,}  {instead} (below {below:g}): {share:.1%} of the rows")
    if numbers["cut"]:
        rows = "1 row was" if numbers["cut"] == 1 else f"{numbers['cut']:,} rows were"
        warn(f"warning: {rows} too long for the model and lost the end of a text")
    o.print_json(numbers, json)
