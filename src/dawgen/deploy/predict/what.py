"""What is written of each row: its label and probability, those of all labels, and another word where it is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dawgen.errors import ConfigError

ADDED = ("label", "probability")


@dataclass(frozen=True, slots=True)
class What:
    """every: whether each label's probability is written too. below, instead: a row whose likeliest label has less
    probability than `below` gets the word `instead` for a label; None: each row gets its likeliest label."""

    every: bool = False
    below: float | None = None
    instead: str | None = None

    def check(self, labels: Sequence[str]) -> None:
        """Raise ConfigError for what cannot be, given the task's labels."""
        if (self.below is None) != (self.instead is None):
            raise ConfigError("expected --below and --else together, such as --below 0.7 --else unsure, found one.")
        if self.below is not None and not 0 < self.below <= 1:
            raise ConfigError(f"--below {self.below:g}: expected a probability above 0 and at most 1, such as 0.7.")
        if self.instead is not None and not self.instead.strip():
            raise ConfigError(f"--else {self.instead!r}: expected a word that can be seen, such as unsure.")
        if self.instead in labels:
            raise ConfigError(
                f"--else {self.instead}: expected a word that is no label of the task, or what is unsure could not be "
                "told from an answer."
            )

    def name_added(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the columns that are written behind those of the input."""
        return (*ADDED, *(name_chance(label) for label in labels)) if self.every else ADDED

    def name_label(self, label: str, probability: float) -> str:
        """Return what is written as a row's label."""
        return label if self.below is None or self.instead is None or probability >= self.below else self.instead


def name_chance(label: str) -> str:
    """Return the column of a label's probability."""
    return f"p({label})"
