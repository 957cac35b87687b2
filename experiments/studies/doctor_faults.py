"""Faults to plant in a sound run of scenes-nli: each changes one thing, which one signature of the doctor names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dawgen.records import Example
from dawgen.rng import python_rng
from dawgen.scenes import draw_data

SEED = 13
SHOTS = 16
MORE = 64
LABELS = ("entailment", "neutral", "contradiction")
Rows = Sequence[Example]


@dataclass(frozen=True, slots=True)
class Material:
    """What faults are made of: the rows of the sound run of seed 13, 64 more per label, and the set that it wrote."""

    train: Rows
    dev: Rows
    test: Rows
    more: Rows
    synthetic: Rows


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. name: the signature that must name it; what: what was done, in words.

    settings: of the run, beside task, seed and threads. files: its rows by role (train, dev, test, synthetic); a role
    `shown` is no part of the run, but what the doctor gets as --test. beside: seeds of sound runs that are examined
    with it.
    """

    name: str
    what: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Callable[[Material], Mapping[str, Rows]] = lambda material: {}
    beside: tuple[int, ...] = ()


def take_material(synthetic: Rows) -> Material:
    """Return the rows that a run of scenes-nli with seed 13 works on, beside the set that it wrote."""
    data = draw_data("scenes-nli", SEED, shots=SHOTS, gold_per_label=MORE)
    return Material(data.train, data.dev, data.test, data.gold, synthetic)


def copy_some(rows: Rows) -> list[Example]:
    """Return the rows with text1 as text2 in every other entailment."""
    return [
        replace(row, text2=row.text1) if row.label == "entailment" and place % 2 else row
        for place, row in enumerate(rows)
    ]


def shuffle_labels(rows: Rows, what: str) -> list[Example]:
    """Return the rows with their labels dealt out at random."""
    labels = [row.label for row in rows]
    python_rng(SEED, f"doctor/{what}").shuffle(labels)
    return [replace(row, label=label) for row, label in zip(rows, labels, strict=True)]


def turn_labels(rows: Rows) -> list[Example]:
    """Return the rows with entailment as neutral, neutral as contradiction, and contradiction as entailment."""
    turned = dict(zip(LABELS, (*LABELS[1:], LABELS[0]), strict=True))
    return [replace(row, label=turned[str(row.label)]) for row in rows]


def exchange_labels(rows: Rows) -> list[Example]:
    """Return the rows with entailment and contradiction exchanged."""
    exchanged = {"entailment": "contradiction", "contradiction": "entailment", "neutral": "neutral"}
    return [replace(row, label=exchanged[str(row.label)]) for row in rows]


def keep_negated(rows: Rows) -> list[Example]:
    """Return as many rows of each label: contradictions with "not" in text2, others without. All labels stay right."""
    fit = [row for row in rows if ("not" in (row.text2 or "").split()) == (row.label == "contradiction")]
    return take(fit, {label: min(sum(row.label == name for row in fit) for name in LABELS) for label in LABELS})


def take(rows: Rows, counts: Mapping[str, int]) -> list[Example]:
    """Return the first rows of each label, as many as `counts` says."""
    return [row for label, count in counts.items() for row in [row for row in rows if row.label == label][:count]]


def each(count: int) -> dict[str, int]:
    """Return the same count for every label."""
    return dict.fromkeys(LABELS, count)


DAWGEN: dict[str, Any] = {"methods": ("dawgen",)}
REAL_ONLY: dict[str, Any] = {"methods": ("prompt_tuning",)}
FAULTS = (
    Fault(
        "misaligned",
        "generator not tuned, posterior filter off",
        DAWGEN | {"generator": {"kind": "untuned"}, "curate": {"posterior": False}},
    ),
    Fault(
        "wrong_labels",
        "labels of the set dealt out at random",
        DAWGEN,
        lambda m: {"synthetic": shuffle_labels(m.synthetic, "set")},
    ),
    Fault(
        "copies", "text1 as text2 in half of the entailments", DAWGEN, lambda m: {"synthetic": copy_some(m.synthetic)}
    ),
    Fault(
        "repeats",
        "a set of 8 rows per label, 60 times each",
        DAWGEN,
        lambda m: {"synthetic": 60 * take(m.synthetic, each(8))},
    ),
    Fault(
        "artefact",
        'of the set the contradictions with "not" and the others without; every label as right as before',
        DAWGEN,
        lambda m: {"synthetic": keep_negated(m.synthetic)},
    ),
    Fault(
        "test_leak",
        "100 rows of a test file, which the run never saw, among the synthetic ones",
        DAWGEN,
        lambda m: {
            "train": m.train,
            "dev": m.dev,
            "synthetic": [*m.test[:100], *m.synthetic],
            "shown": m.test,
        },
    ),
    Fault(
        "collapsed",
        "synthetic_only on 500 entailments and one row of each other label",
        {"methods": ("synthetic_only",)},
        lambda m: {"synthetic": take(m.synthetic, {"entailment": 500, "neutral": 1, "contradiction": 1})},
    ),
    Fault(
        "flipped_words",
        "entailment and contradiction exchanged in the train and dev files, not in the test file",
        {},
        lambda m: {"train": exchange_labels(m.train), "dev": exchange_labels(m.dev), "test": m.test},
    ),
    Fault(
        "guessing",
        "labels of the train and dev files dealt out at random, 60 train rows per label",
        REAL_ONLY | {"shots": 60, "leaks": "drop", "conflicts": "drop"},
        lambda m: {"train": shuffle_labels(m.more, "train"), "dev": shuffle_labels(m.dev, "dev"), "test": m.test},
    ),
    Fault("overfit", "real rows alone for 600 steps", REAL_ONLY | {"target": {"steps": 600, "eval_every": 100}}),
    Fault(
        "small_dev",
        "4 dev rows per label, looked at every 5 steps",
        DAWGEN | {"target": {"eval_every": 5}},
        lambda m: {
            "train": m.train,
            "dev": take(m.dev, each(4)),
            "test": m.test,
            "synthetic": m.synthetic,
        },
    ),
    Fault(
        "no_gain",
        "synthetic_only on a set with turned labels, beside prompt_tuning",
        {"methods": ("prompt_tuning", "synthetic_only")},
        lambda m: {"synthetic": turn_labels(m.synthetic)},
    ),
    Fault("not_learned", "a rate of 1e-5", REAL_ONLY | {"target": {"lr": 1e-5}}),
    Fault("far_prompt", "a rate of 10", REAL_ONLY | {"target": {"lr": 10.0}}),
    Fault("slow_start", "a rate of 0.003", REAL_ONLY | {"target": {"lr": 0.003}}),
    Fault(
        "cut_texts",
        "at most 16 tokens of template and texts",
        DAWGEN | {"target": {"max_tokens": 16}},
        lambda m: {"synthetic": m.synthetic},
    ),
    Fault(
        "surgery_idle",
        "the few shots once more as the set, all of them in every step",
        DAWGEN | {"target": {"batch_size": 48}, "leaks": "drop"},
        lambda m: {"synthetic": m.train},
    ),
    Fault(
        "surgery_eats",
        "500 entailments and 8 rows of each other label as the set",
        DAWGEN,
        lambda m: {"synthetic": take(m.synthetic, {"entailment": 500, "neutral": 8, "contradiction": 8})},
    ),
    Fault(
        "seeds_disagree",
        "seeds 13 and 21 sound, seed 42 on a set with turned labels",
        DAWGEN | {"seed": 42},
        lambda m: {"synthetic": turn_labels(m.synthetic)},
        beside=(13, 21),
    ),
)
