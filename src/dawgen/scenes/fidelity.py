"""Label fidelity: the share of synthetic examples whose label an oracle confirms (on scenes)."""

from collections.abc import Iterable

from dawgen.records import Example
from dawgen.scenes import LABELS, label_pair


def has_oracle(task: str) -> bool:
    """Return whether an oracle knows the labels of the task."""
    return task in LABELS


def measure_fidelity(task: str, examples: Iterable[Example]) -> dict[str, float | int | None]:
    """Return {"label_fidelity", "ungrammatical", "n"}: shares in [0, 1], None where the task has no oracle.

    An example that the oracle cannot read is ungrammatical and counts as wrong.
    """
    rows = right = unread = 0
    known = has_oracle(task)
    for example in examples:
        rows += 1
        label = label_pair(task, example) if known else None
        right += label is not None and label == example.label
        unread += label is None
    if not known or not rows:
        return {"label_fidelity": None, "ungrammatical": None, "n": rows}
    return {"label_fidelity": right / rows, "ungrammatical": unread / rows, "n": rows}
