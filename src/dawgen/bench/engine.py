"""What runs cells: the default engine's processes on this machine, or Ray's on many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dawgen.bench.cells import Cell
    from dawgen.bench.storage import Store


class Engine(Protocol):
    """Runs cells side by side; each one's numbers do not depend on the engine or on what runs beside it."""

    slots: int  # cells that run at a time

    def start(self, cell: Cell, store: Store) -> None:
        """Begin a cell and return at once; whoever calls does not start more cells than there are slots."""

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Block until one of the started cells ends; returns its key and numbers, or {"error": reason}."""
        ...

    def close(self) -> None:
        """Give back what the engine holds; cells that still run are stopped."""
