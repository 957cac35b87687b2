"""The signatures of gradient surgery in a training on both sources: it did nothing, or too much."""

from __future__ import annotations

from collections.abc import Callable

from dawgen.evaluate.doctor.facts import Facts, MethodFacts, Share
from dawgen.evaluate.doctor.findings import Finding
from dawgen.evaluate.doctor.luck import reach_at_least

IDLE = 0.05  # of the steps: two batches of one distribution conflict more often than that by noise alone
EATEN = 0.7  # of the synthetic gradient's length; row by row (granularity example) sound runs lose up to 0.63
MUCH = 0.2  # of it, where conflict is the rule
OFTEN = 0.01  # chance of so many conflicts where real and synthetic gradient had nothing in common


def find_idle(facts: Facts, method: MethodFacts) -> Finding | None:
    """Surgery had nothing to do."""
    if method.surgery == "none" or method.conflict is None or method.conflict >= IDLE:
        return None
    return Finding(
        "surgery_idle",
        "minor",
        f"{100 * method.conflict:.1f} % of the gradients in {method.steps} steps were in conflict, and surgery took "
        f"{100 * (method.removed or 0):.1f} % of the synthetic one",
        "the synthetic rows pull the same way as the real ones: they are much alike, or they are the real ones",
        "nothing is lost without it: --set target.surgery=none; to see more conflicts: --set target.granularity=token",
        numbers={"conflict": method.conflict, "removed": method.removed or 0.0, "steps": method.steps},
    )


def find_eating(facts: Facts, method: MethodFacts) -> Finding | None:
    """Surgery removes most of the synthetic gradient, or much of it while conflicts are more frequent than by chance.

    A synthetic gradient that is unrelated to the real one conflicts in half of the steps.
    """
    if method.surgery == "none" or method.conflict is None or method.removed is None or not method.steps:
        return None
    luck = reach_at_least(Share(round(method.conflict * method.steps), method.steps), 0.5)
    if method.removed < EATEN and (method.removed < MUCH or luck >= OFTEN):
        return None
    return Finding(
        "surgery_eats",
        "serious",
        f"{100 * method.conflict:.0f} % of the gradients in {method.steps} steps were in conflict (without any "
        f"relation 50 %), and surgery took {100 * method.removed:.0f} % of the synthetic one",
        "the synthetic rows teach the opposite of the real ones: wrong labels, or another task",
        "dawgen audit SET --real TRAIN; curate or write the set anew rather than project it away",
        numbers={"conflict": method.conflict, "removed": method.removed, "steps": method.steps},
    )


SURGERY_SIGNATURES: tuple[Callable[[Facts, MethodFacts], Finding | None], ...] = (find_idle, find_eating)
