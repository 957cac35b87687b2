"""The signature of several runs of one task: seeds that disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

from dawgen.evaluate.doctor.facts import Facts, Share
from dawgen.evaluate.doctor.findings import Finding
from dawgen.evaluate.doctor.luck import vary

FEWEST = 3  # seeds
SPREAD = 0.12  # standard deviation over seeds: with five of them the mean is known to +- 15 points
LUCK = 0.01  # probability that the test rows alone make them differ so much


def find_disagreeing(runs: Sequence[Facts]) -> list[Finding]:
    """Return the methods whose accuracy differs over seeds by more than the test rows explain and a claim survives."""
    return [finding for name, shares in group_seeds(runs) if (finding := judge_seeds(name, shares))]


def judge_seeds(name: str, shares: dict[int, Share]) -> Finding | None:
    """Return the finding for one method of one task; shares: test rows that are right, by seed."""
    values = {seed: share.value for seed, share in shares.items()}
    if len(values) < FEWEST:
        return None
    spread = stdev(values.values())
    if spread <= SPREAD or vary(list(shares.values())) >= LUCK:
        return None
    low, high = min(values, key=lambda seed: values[seed]), max(values, key=lambda seed: values[seed])
    return Finding(
        "seeds_disagree",
        "serious",
        f"{100 * fmean(values.values()):.1f} ± {100 * spread:.1f} % over {len(values)} seeds, from "
        f"{100 * values[low]:.1f} % (seed {low}) to {100 * values[high]:.1f} % (seed {high})",
        "the few shots or the start of the prompt decide, or one of the runs is broken",
        f"dawgen doctor on seed {low}'s run alone; else more seeds, a larger --dev FILE, --set target.steps=400",
        numbers={"spread": spread, "seeds": len(values), "lowest": values[low], "highest": values[high]},
        method=name,
    )


def group_seeds(runs: Sequence[Facts]) -> Iterator[tuple[str, dict[int, Share]]]:
    """Yield each trained method of each task, target and size, with its right test rows by seed."""
    groups: dict[tuple[object, ...], dict[int, Share]] = {}
    for facts in runs:
        for method in facts.methods.values():
            if method.trained and method.test is not None:
                key = (facts.task, facts.target, facts.shots, method.name)
                groups.setdefault(key, {}).setdefault(facts.seed, method.test)
    for (task, target, shots, name), shares in groups.items():
        yield f"{name} ({task}, {target}, {shots} shots)", shares
