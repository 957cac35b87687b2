"""The interface of engines: the default one's processes on this machine, or Ray's on many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dawgen.engine.storage import Store
    from dawgen.engine.work import Work


class Engine(Protocol):
    """Runs pieces of work in parallel; their numbers do not depend on the engine or on the other pieces."""

    slots: int  # pieces of work at a time

    def start(self, work: Work, store: Store) -> None:
        """Start a piece of work and return at once; the caller does not start more than there are slots."""

    def wait(self) -> tuple[str, dict[str, Any]]:
        """Block until something that was started ends; returns its key and numbers, or {"error": reason}."""
        ...

    def close(self) -> None:
        """Stop what still runs, and release the engine's resources."""
