"""What reading has to say beside the rows: notes on how a file was read, and warnings about what it holds."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from dawgen.progress import is_quiet

_LOGGER = logging.getLogger("dawgen.data")


@dataclass(frozen=True, slots=True)
class Remarks:
    """Lines in the order in which they came up; each is there once, however often a file is read."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a note."""
        if text not in self.notes:
            self.notes.append(text)

    def warn(self, text: str) -> None:
        """Add a warning."""
        if text not in self.warnings:
            self.warnings.append(text)

    def log(self) -> None:
        """Give everything to the logger `dawgen.data`, which prints it on stderr unless that is set up otherwise."""
        for text in () if is_quiet() else (*self.notes, *self.warnings):
            _LOGGER.warning("%s", text)
