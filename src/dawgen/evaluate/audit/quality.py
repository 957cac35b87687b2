"""Measures of a synthetic set from its words alone: copies, duplicates, diversity, artefacts and leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dawgen.errors import DataError
from dawgen.evaluate.audit.artefacts import describe_artefacts
from dawgen.evaluate.audit.diversity import add_vendi, describe_diversity, measure_vendi
from dawgen.evaluate.audit.duplicates import describe_copies, describe_duplicates
from dawgen.evaluate.audit.leaks import describe_leaks
from dawgen.evaluate.audit.quality_warnings import find_warnings
from dawgen.records import Example

__all__ = ["add_vendi", "describe_quality", "find_warnings", "measure_vendi"]


def describe_quality(
    rows: Sequence[Example],
    real: Sequence[Example],
    labels: Sequence[str],
    *,
    held: Mapping[str, Sequence[Example]],
    seed: int,
) -> dict[str, Any]:
    """Return copy_share, copy_share_by_label, near_copies, duplicates, diversity (but Vendi), artefacts and leaks.

    held: the rows that the set must not contain, under "test" and "dev"; either may be missing.
    Shares are in [0, 1]; what a large set was sampled to is said beside the number. Same arguments, same numbers.
    Vendi needs vectors: `add_vendi(numbers["diversity"], ours, theirs, seed=seed)` puts it in.

    Raises DataError without rows on either side.
    """
    if not rows or not real:
        raise DataError(f"expected rows in the set and among the real ones, got {len(rows)} and {len(real)}.")
    return {
        **describe_copies(rows, real, labels),
        "duplicates": describe_duplicates(rows),
        "diversity": describe_diversity(rows, real, seed=seed),
        "artefacts": describe_artefacts(rows, real, labels, seed=seed),
        "leaks": describe_leaks(rows, real, held),
    }
