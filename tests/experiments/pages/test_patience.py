"""The table of an early end: steps and accuracies by task and method."""

from typing import Any

from experiments.pages.patience import tabulate


def make_row(patience: int, accuracy: float, ended: int | None = None) -> dict[str, Any]:
    cell: dict[str, Any] = {"accuracy": accuracy} | ({} if ended is None else {"ended": {"step": ended, "why": "so"}})
    return {"task": "t", "method": "prompt_tuning", "sweep": {"target.patience": patience}, "cell": cell}


def test_steps_are_those_taken_and_accuracies_means_over_seeds() -> None:
    rows = [make_row(0, 0.5), make_row(0, 0.7), make_row(2, 0.5), make_row(2, 0.68, ended=75)]
    assert tabulate(rows).splitlines()[-1] == "| t | prompt_tuning | 150, 75 | 60.0 | 59.0 | -1.0 |"
