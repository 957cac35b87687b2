"""Applies all signatures to all facts of some runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dawgen.evaluate.doctor.facts import Facts
from dawgen.evaluate.doctor.findings import Finding
from dawgen.evaluate.doctor.prompts import METHOD_SIGNATURES, RUN_SIGNATURES
from dawgen.evaluate.doctor.rates import RATE_SIGNATURES
from dawgen.evaluate.doctor.seeds import find_disagreeing
from dawgen.evaluate.doctor.sets import SET_SIGNATURES
from dawgen.evaluate.doctor.surgery import SURGERY_SIGNATURES

NAMES = (
    "misaligned",
    "wrong_labels",
    "copies",
    "repeats",
    "artefact",
    "test_leak",
    "collapsed",
    "flipped_words",
    "guessing",
    "overfit",
    "small_dev",
    "no_gain",
    "not_learned",
    "far_prompt",
    "slow_start",
    "cut_texts",
    "surgery_idle",
    "surgery_eats",
    "seeds_disagree",
)


def diagnose(runs: Sequence[Facts]) -> list[Finding]:
    """Return the findings run by run, serious ones first; at the end those of all runs together."""
    findings: list[Finding] = []
    for facts in runs:
        findings += sorted(diagnose_run(facts), key=lambda finding: finding.severity == "minor")
    return findings + find_disagreeing(runs)


def diagnose_run(facts: Facts) -> list[Finding]:
    """Return the findings in one run; signatures of answers and of training are applied to each method."""
    found = [finding for find in (*SET_SIGNATURES, *RUN_SIGNATURES) if (finding := find(facts))]
    return found + [
        replace(finding, run=facts.run, method=method.name)
        for method in facts.methods.values()
        for look in (*METHOD_SIGNATURES, *RATE_SIGNATURES, *SURGERY_SIGNATURES)
        if (finding := look(facts, method))
    ]
