"""What does work: the default engine's processes on this machine, or Ray's on many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dawgen.engine.storage import Store
    from dawgen.engine.work import Work


class Engine(Protocol):
    """Does pieces of work side by side; each one's numbers do not depend on the engine or on what runs beside it."""

    slots: int  # pieces of work at a time

    def start(self, work: Work, store: Store) -> None:
        """Begin and return at once; whoever calls does not start more than there are slots."""

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Block until something that was started ends; returns its key and numbers, or {"error": reason}."""
        ...

    def close(self) -> None:
        """Give back what the engine holds; what still runs is stopped."""
