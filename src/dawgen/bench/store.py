"""The folder or URL of a grid: what `bench` writes there, and whether it may."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dawgen.bench.grid import FILES as DATA
from dawgen.bench.grid import SETS, Block, Grid
from dawgen.errors import ConfigError
from dawgen.outputs import check_folder, check_inputs
from dawgen.report.run.files import read_settings

if TYPE_CHECKING:
    from dawgen.engine.storage import Store

GRID, REPORT = "grid.yaml", "report.html"
FILES = (GRID, "results.json", "results.csv")
CELLS = ("sets", "prompts")
_CELL = re.compile(r"[0-9a-f]{16}(\.json)?")


def is_grid(store: Store) -> bool:
    """Return whether a store's grid.yaml is what `bench` writes there."""
    return store.exists(GRID) and is_described(read_settings(store.fetch(GRID)))


def is_grid_folder(folder: Path) -> bool:
    """Return the same of a folder."""
    return is_described(read_settings(folder / GRID))


def is_described(grid: Mapping[str, Any]) -> bool:
    """Return whether a grid says all that `Grid.describe` does: a user's own seldom has every key."""
    blocks = grid.get("blocks")
    if not set(Grid.model_fields) <= grid.keys() or not isinstance(blocks, list):
        return False
    wanted = set(Block.model_fields) - {"sets", "sweep", "sources"}  # which came later, or stand there where used
    return all(isinstance(block, dict) and wanted <= block.keys() for block in blocks)


def check_store(store: Store) -> bool:
    """Return whether a grid was begun in the store.

    Raises ConfigError where its files would take the place of others, DataError where grid.yaml is damaged.
    """
    if store.folder is not None:
        check_folder(store.folder)
    if is_grid(store):
        return True
    taken = [name for name in (*FILES, REPORT, *CELLS) if store.exists(name)]
    if taken:
        raise ConfigError(
            f"{store.url}: expected a new folder, or that of a grid, found {taken[0]}, which `dawgen bench` did not "
            "write. Choose another --out."
        )
    return False


def list_sources(grid: Grid, file: Path) -> list[str | Path]:
    """Return the files that a grid reads: its own, the tasks', and given sets."""
    data = [getattr(files, name) for files in grid.tasks.values() for name in DATA]
    return [
        file,
        *(name for name in data if name),
        *(text for block in grid.blocks for text in block.sets if text not in SETS),
    ]


def check_sources(store: Store, grid: Grid, file: Path) -> None:
    """Raise ConfigError where a file that the grid reads lies among its cells, which come and go."""
    if store.folder is not None:
        check_inputs([store.folder / name for name in CELLS], list_sources(grid, file))


def clear_cells(store: Store) -> None:
    """Delete all cells; what else lies beside them in a folder stays."""
    for name in CELLS:
        if store.folder is None:
            store.remove(name)
            continue
        for item in (store.folder / name).glob("*"):
            if _CELL.fullmatch(item.name):
                store.remove(f"{name}/{item.name}")
