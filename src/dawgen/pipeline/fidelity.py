"""Label fidelity: the share of synthetic examples whose label an oracle confirms (on scenes)."""

from collections.abc import Sequence

from dawgen.records import Example
from dawgen.scenes import LABELS, label_pair


def has_oracle(task: str) -> bool:
    """Return whether an oracle knows the labels of the task."""
    return task in LABELS


def measure_fidelity(task: str, examples: Sequence[Example]) -> dict[str, float | int | None]:
    """Return {"label_fidelity", "ungrammatical", "n"}: shares in [0, 1], None where the task has no oracle.

    An example that the oracle cannot read is ungrammatical and counts as wrong.
    """
    if not has_oracle(task) or not examples:
        return {"label_fidelity": None, "ungrammatical": None, "n": len(examples)}
    truth = [label_pair(task, example) for example in examples]
    right = sum(label == example.label for label, example in zip(truth, examples, strict=True))
    return {
        "label_fidelity": right / len(examples),
        "ungrammatical": sum(label is None for label in truth) / len(examples),
        "n": len(examples),
    }
