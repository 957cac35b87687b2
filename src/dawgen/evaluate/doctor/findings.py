"""A finding of the doctor: a name, the evidence, the likely cause and the switch to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["serious", "minor"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One named fault.

    severity: serious if a number or a label of the run cannot be relied on, minor if the run works but loses accuracy
    or time. evidence: what was seen, with its numbers, which `numbers` holds for programs. cause: the likely one. try_:
    what to type. run, method: where; both None for a finding of several runs together.
    """

    name: str
    severity: Severity
    evidence: str
    cause: str
    try_: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    run: str | None = None
    method: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding for --json."""
        return {
            "name": self.name,
            "severity": self.severity,
            "run": self.run,
            "method": self.method,
            "evidence": self.evidence,
            "numbers": dict(self.numbers),
            "cause": self.cause,
            "try": self.try_,
        }
