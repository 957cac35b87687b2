"""Facts of a sound run, to be changed in one place each."""

from dataclasses import replace
from typing import Any

from dawgen.evaluate.doctor.facts import Facts, MethodFacts, SetFacts, Share

LABELS = ("entailment", "neutral", "contradiction")
CONFUSION = ((150, 40, 10), (40, 140, 20), (10, 40, 150))
FALLING = tuple(1.1 - 0.005 * step for step in range(150))
AUDIT: dict[str, Any] = {
    "rows": 1000,
    "labels": {"entailment": 333, "neutral": 333, "contradiction": 334},
    "copy_share_by_label": {"entailment": 0.01, "neutral": 0.0, "contradiction": None},
    "copy_share_real": {"entailment": 0.0, "neutral": 0.0, "contradiction": 0.0},
    "duplicates": {"exact": {"rows": 0}, "near": {"rows": 20}},
    "leaks": {"real": {"pairs": 3}},
    "artefacts": {"rule": None},
    "mmd": {"value": 0.0028, "chance": 0.0024, "p": 0.03},
}


def make_method(name: str = "dawgen", **changes: Any) -> MethodFacts:
    """Return a prompt that is right on 440 of 600 test rows, with these changes."""
    confusion = changes.get("confusion", CONFUSION)
    right = sum(row[place] for place, row in enumerate(confusion))
    rows = sum(map(sum, confusion))
    sound = MethodFacts(
        name=name,
        schedule="paired",
        synthetic=True,
        surgery="project",
        confusion=CONFUSION,
        correct="1" * right + "0" * (rows - right),
        fitted=Share(41, 48),
        dev_accuracy=0.75,
        n_dev=48,
        looks=6,
        losses=FALLING,
        steps=150,
        conflict=0.2,
        removed=0.05,
        cut=Share(0, 648),
    )
    return replace(sound, **changes)


def make_base(**changes: Any) -> MethodFacts:
    """Return prompt_tuning as a sound run has it: it knows the few shots by heart."""
    values: dict[str, Any] = {"schedule": "real", "synthetic": False, "surgery": "none", "conflict": None}
    confusion = ((110, 50, 40), (60, 100, 40), (40, 50, 110))
    values |= {"confusion": confusion, "fitted": Share(46, 48), "agrees": Share(300, 500)}
    return make_method("prompt_tuning", **(values | changes))


def make_set(**changes: Any) -> SetFacts:
    """Return a set of mostly right labels and near texts; `audit` changes the audit's keys."""
    audit = AUDIT | changes.pop("audit", {})
    values: dict[str, Any] = {"kind": "dawgen", "fidelity": 0.85, "raw_fidelity": 0.8, "posterior": 0.92}
    return SetFacts(rows=1500, labels=dict.fromkeys(LABELS, 500), audit=audit, **(values | changes))


def make_facts(*methods: MethodFacts, **changes: Any) -> Facts:
    """Return a run of these methods, by default prompt_tuning and dawgen."""
    values: dict[str, Any] = {
        "run": "runs/a",
        "task": "scenes-nli",
        "target": "mini-t5",
        "seed": 13,
        "shots": 16,
        "labels": LABELS,
        "words": ("yes", "maybe", "no"),
        "methods": {method.name: method for method in methods or (make_base(), make_method())},
        "set": make_set(),
    }
    return Facts(**(values | changes))
