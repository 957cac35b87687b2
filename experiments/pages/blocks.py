"""Pages whose blocks are filled by commands: what stands between <!-- key --> and <!-- /key -->."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dawgen.errors import DataError
from dawgen.files import write_text
from dawgen.report.table.core import Table
from dawgen.report.table.exports import as_markdown
from experiments.pages.rows import Row, add_rows, read_options, read_rows, write_rows

Blocks = Mapping[str, Table] | Mapping[str, str] | Mapping[str, Table | str]


def show_blocks(blocks: Blocks, into: Path | None) -> None:
    """Fill the page's blocks, or print them all where there is no page."""
    if into is None:
        print("\n".join(f"<!-- {key} -->\n{_write(block)}" for key, block in blocks.items()))
    else:
        write_text(into, fill_blocks(into.read_text(encoding="utf-8"), blocks))


def fill_page(
    arguments: Sequence[str] | None,
    about: str,
    kind: type[Row],
    collect: Callable[[Sequence[Path]], Iterable[Row]],
    make: Callable[[Sequence[Row]], Blocks],
) -> None:
    """Do what a page's command line asks: keep the rows of finished grids where some are named, then show its blocks.

    kind: the dataclass of the rows. collect: gives them from folders of grids. make: the blocks, from the rows.
    """
    options = read_options(arguments, about)
    if options.grids:
        known = read_rows(options.csv, kind) if options.add else []
        write_rows(options.csv, kind, add_rows(known, collect(options.grids)))
    show_blocks(make(read_rows(options.csv, kind)), options.into)


def fill_blocks(page: str, blocks: Blocks) -> str:
    """Return the page with its blocks filled: tables, and texts that end a line.

    Raises DataError for a block of the page that there is nothing for.
    """
    for key in re.findall(r"<!-- ([\w-]+) -->", page):
        if key not in blocks:
            raise DataError(f"block {key}: expected one of {', '.join(blocks)}.")
        begin, end = f"<!-- {key} -->", f"<!-- /{key} -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{_write(blocks[key])}{end}{rest.split(end)[1]}"
    return page


def _write(block: Table | str) -> str:
    return block if isinstance(block, str) else as_markdown(block)
