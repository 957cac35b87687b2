"""The grids that come with dawgen: a name in place of a file."""

from __future__ import annotations

from pathlib import Path

from dawgen.errors import ConfigError, suggest

FOLDER = Path(__file__).with_name("grids")


def list_grids() -> list[str]:
    """Return the names of the grids that come with dawgen."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find_grid(grid: str | Path) -> tuple[Path, Path]:
    """Return a grid's file and the folder that its tasks' files are relative to.

    grid: a file, which wins over a name; or a name of `list_grids`, whose files are relative to the current folder.

    Raises:
        ConfigError: it is neither.
    """
    path = Path(grid)
    if path.is_file():
        return path, path.parent
    names = list_grids()
    if str(grid) in names:
        return FOLDER / f"{grid}.yaml", Path()
    if path.stem in names:  # of a clone before the grids came with the package
        raise ConfigError(f"{path}: there is no such grid file. One of that name comes with dawgen: --grid {path.stem}")
    known = suggest(path.stem, names, most=len(names))
    raise ConfigError(f"{path}: there is no such grid file, and none of that name comes with dawgen; {known}")
