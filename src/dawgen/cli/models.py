"""`dawgen models`: which models are at hand, and what a named one would need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dawgen.cli import options as o
from dawgen.cli.complete import complete_models

if TYPE_CHECKING:
    from dawgen.models.listing import Entry


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            help="a short name, folder, GGUF file or name on the hub", metavar="NAME", autocompletion=complete_models
        ),
    ] = None,
    json: o.Json = False,
) -> None:
    """List the models at hand, or say what NAME is and what it would need.

    Nothing is loaded or fetched. Any model on the Hugging Face Hub can be named too; it is fetched when it is used.
    """
    from dawgen.models.listing import describe_model, list_models
    from dawgen.models.store import find_store

    if name is not None:
        entry = describe_model(name)
        for line in _explain(entry, str(find_store())):
            typer.echo(line)
        o.print_json(entry.as_dict(), json)
        return
    entries = list_models()
    for row in _align([("name", "kind", "numbers", "size", "licence", "where"), *map(_make_row, entries)]):
        typer.echo(row)
    o.print_json([entry.as_dict() for entry in entries], json)


def _make_row(entry: Entry) -> tuple[str, ...]:
    where = "; ".join([entry.source, *entry.needs])
    size = f"{_show_bytes(entry.bytes)}{f', {entry.quantisation}' if entry.quantisation else ''}"
    return entry.name, entry.kind or "?", _show_count(entry.parameters), size, entry.licence or "unknown", where


def _explain(entry: Entry, store: str) -> list[str]:
    quantised = f", quantised ({entry.quantisation})" if entry.quantisation else ""
    lines = [
        f"{entry.name}: {entry.kind or 'kind unknown'}, {_show_count(entry.parameters)} numbers{quantised}, "
        f"licence {entry.licence or 'unknown'}",
        f"from    {entry.source}",
    ]
    if entry.hub not in (None, entry.name):
        lines.append(f"hub     {entry.hub}")
    if entry.place is not None:
        lines.append(f"here    {entry.place}, {_show_bytes(entry.bytes)}")
    if entry.disk:
        lines.append(f"disk    {_show_bytes(entry.disk)} more in {store}, at its first use")
    if entry.memory is not None:
        sizes = ", ".join(f"{_show_bytes(size)} in {dtype}" for dtype, size in entry.memory.items())
        lines.append(f"memory  {sizes}, for the weights alone")
    lines += [f"needs   {need}" for need in entry.needs]
    return [*lines, f"note    {entry.note}"] if entry.note else lines


def _align(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _show_count(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e6:.1f} M" if count < 1e9 else f"{count / 1e9:.1f} G"


def _show_bytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:,.1f} MB" if size < 1e7 else f"{size / 1e6:,.0f} MB"
