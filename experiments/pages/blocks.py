"""Pages whose blocks are filled by commands: what stands between <!-- key --> and <!-- /key -->."""

import re
from collections.abc import Mapping
from pathlib import Path

from dawgen.errors import DataError
from dawgen.files import write_text
from dawgen.report.table.core import Table
from dawgen.report.table.exports import as_markdown

Blocks = Mapping[str, Table] | Mapping[str, str] | Mapping[str, Table | str]


def show_blocks(blocks: Blocks, into: Path | None) -> None:
    """Fill the page's blocks, or print them all where there is no page."""
    if into is None:
        print("\n".join(f"<!-- {key} -->\n{_write(block)}" for key, block in blocks.items()))
    else:
        write_text(into, fill_blocks(into.read_text(encoding="utf-8"), blocks))


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
