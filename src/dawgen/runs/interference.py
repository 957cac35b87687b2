"""How much the synthetic gradient opposed the real one in a paired training: means over its steps."""

from __future__ import annotations

import json
from pathlib import Path

MEASURED = ("cos", "conflict", "removed")


def measure_interference(log: Path) -> dict[str, dict[str, float]]:
    """Return {"cos", "conflict", "removed"}, means over the steps of log.jsonl, of each method that met both gradients.

    cos: cosine of the two mean gradients, in [-1, 1]. conflict: share of compared vectors that point against each other
    (of whole prompts: the share of such steps). removed: share of the synthetic gradient's length that surgery changed.
    """
    steps: dict[str, dict[int, list[float]]] = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        row = json.loads(line)
        if all(name in row for name in MEASURED):
            # a resumed training logs repeated steps again
            steps.setdefault(row["method"], {})[row["step"]] = [row[name] for name in MEASURED]
    return {
        method: {name: sum(row[place] for row in rows.values()) / len(rows) for place, name in enumerate(MEASURED)}
        for method, rows in steps.items()
    }
