"""The signatures of a rate that does not fit the target. docs/doctor.md has the reasons."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

from dawgen.classifier.diagnose import FAR, is_stuck, watch_third
from dawgen.evaluate.doctor.facts import Facts, MethodFacts
from dawgen.evaluate.doctor.findings import Finding
from dawgen.evaluate.doctor.prompts import find_not_learned

WINDOWS = 15  # losses, at least: what a grid keeps of a training


def find_far_prompt(facts: Facts, method: MethodFacts) -> Finding | None:
    """Rows of the prompt are far longer than any embedding: the target reads what it has never seen."""
    if method.reach is None or method.reach <= FAR:
        return None
    return Finding(
        "far_prompt",
        "serious",
        f"a prompt row is {method.reach:.0f} times as long as an embedding of {facts.target}",
        f"the steps are too long for these embeddings{_name_rate(facts)}",
        "the rate in the embeddings' own units: --set target.rate=0.2, or a lower one",
        numbers={"reach": method.reach},
    )


def find_slow_start(facts: Facts, method: MethodFacts) -> Finding | None:
    """The loss has not left guessing after a third of the steps, and has at the end."""
    labels = len(facts.labels)
    if not method.trained or len(method.losses) < WINDOWS or labels < 2 or find_not_learned(facts, method):
        return None
    third = len(method.losses) // 3
    steps = watch_third(len(method.losses)) or range(third - 1, third)
    loss = fmean(method.losses[step] for step in steps)
    if not is_stuck(loss, labels):
        return None
    return Finding(
        "slow_start",
        "minor",
        f"after a third of the steps the loss is {loss:.3f}; guessing has {math.log(labels):.3f}",
        f"the rate is too low, or so high that training goes astray{_name_rate(facts)}",
        "--set target.rate=0.2, or more steps: --set target.steps=400",
        numbers={"third": loss},
    )


def _name_rate(facts: Facts) -> str:
    return f" ({facts.rate})" if facts.rate else ""


RATE_SIGNATURES: tuple[Callable[[Facts, MethodFacts], Finding | None], ...] = (find_far_prompt, find_slow_start)
