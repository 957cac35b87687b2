"""The results of the answers: scores per source, agreement of annotators, and who notices the control rows.

A score is the mean over items of the mean over the annotators of an item. Its interval is over items (drawn with
replacement): it says nothing about other annotators, so the mean of each is given too. Agreement is measured without
the control rows, which are easy on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from statistics import fmean, median
from typing import Any, Literal

import numpy as np

from dawgen.evaluate.annotate.controls import FAULTS, is_caught
from dawgen.evaluate.annotate.questions import BY_NAME, QUESTIONS, UNSURE, Question, Value
from dawgen.evaluate.annotate.ratings import Answer
from dawgen.evaluate.annotate.sample import CONTROL, REAL, Item
from dawgen.report.run.numbers import find_wilson_interval
from dawgen.rng import numpy_rng
from dawgen.stats import (
    Estimate,
    bootstrap_alpha,
    bootstrap_items,
    measure_alpha,
    measure_kappa,
    subtract_estimates,
)

Answers = Mapping[tuple[str, str], Answer]  # by (annotator, item)
FEWEST_CONTROLS = 4  # controls that an annotator must have rated to be judged by them
CAUGHT = 0.5  # the share of controls that an attentive annotator is expected to catch at least


def name_source(item: Item) -> str:
    """Return what an item is counted under: "real", the set's name, or "control/" and the fault."""
    return item.source if item.fault is None else f"{CONTROL}/{item.fault}"


def score_sources(items: Sequence[Item], answers: Answers, seed: int) -> dict[str, dict[str, Any]]:
    """Return for each question and source the score with its interval, and the gap to the real rows with its own.

    {question: {source: {"mean", "low", "high", "items", "ratings", "by_annotator", "gap": {"value", "low", "high"}}}};
    of the label also "unsure", the share of answers. A source that nobody has rated is left out; one item has no
    interval and no gap.
    """
    return {question.name: _score_question(question, items, answers, seed) for question in QUESTIONS}


def describe_agreement(items: Sequence[Item], answers: Answers, seed: int) -> dict[str, dict[str, Any]]:
    """Return alpha with its interval and kappa of every two annotators, for each question.

    Kappa has quadratic weights on the scales of 1 to 5 and none for the label. "same" is the share of equal answers.
    """
    rated = [item for item in items if item.fault is None]
    people = sorted({annotator for annotator, _ in answers})
    found = {}
    for question in QUESTIONS:
        given = {person: _list_values(question, rated, answers, person) for person in people}
        columns = zip(*given.values(), strict=True)  # the answers to each item
        counts = np.array([[column.count(value) for value in question.values] for column in columns])
        counts = counts.reshape(-1, len(question.values))
        interval = bootstrap_alpha(counts, question.level, numpy_rng(seed, f"annotate/alpha/{question.name}"))
        found[question.name] = {
            "level": question.level,
            "alpha": measure_alpha(counts, question.level),
            "low": interval and interval[0],
            "high": interval and interval[1],
            "items": int((counts.sum(axis=1) >= 2).sum()),
            "pairs": [_compare(question, a, b, given[a], given[b]) for a, b in combinations(people, 2)],
        }
    return found


def describe_annotators(items: Sequence[Item], answers: Answers) -> dict[str, dict[str, Any]]:
    """Return for each annotator how much was rated, how quickly, and how many controls were caught.

    "attentive" is None where too few controls are rated to tell.
    """
    by_id = {item.id: item for item in items}
    found = {}
    for person in sorted({annotator for annotator, _ in answers}):
        given = [answer for (annotator, _), answer in answers.items() if annotator == person]
        seconds = [answer.seconds for answer in given if answer.seconds is not None]
        controls = {fault: _count_caught(fault, given, by_id) for fault in FAULTS}
        caught, of = (sum(counts[place] for counts in controls.values()) for place in (0, 1))
        found[person] = {
            "rated": sum(bool(answer.ratings) for answer in given),
            "skipped": sum(not answer.ratings for answer in given),
            "of": len(items),
            "seconds": median(seconds) if seconds else None,
            "controls": {fault: {"caught": c, "of": n} for fault, (c, n) in controls.items() if n},
            "caught": caught,
            "controls_rated": of,
            "attentive": None if of < FEWEST_CONTROLS else caught >= CAUGHT * of,
        }
    return found


def average_sets(scores: Mapping[str, Mapping[str, Any]], sets: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return {question: {set: mean}} of the sets that were rated."""
    return {name: {s: by[s]["mean"] for s in sets if s in by} for name, by in scores.items()}


def _score_question(question: Question, items: Sequence[Item], answers: Answers, seed: int) -> dict[str, Any]:
    given: dict[str, dict[str, Value]] = {}  # item -> annotator -> value
    for (person, number), answer in answers.items():
        if question.name in answer.ratings:
            given.setdefault(number, {})[person] = answer.ratings[question.name]
    by_source: dict[str, list[dict[str, Value]]] = {}
    for item in sorted(items, key=lambda item: (item.source != REAL, item.source == CONTROL, name_source(item))):
        if item.id in given:
            by_source.setdefault(name_source(item), []).append(given[item.id])
    estimates = {
        source: _estimate(question, ratings, numpy_rng(seed, f"annotate/score/{question.name}/{source}"))
        for source, ratings in by_source.items()
    }
    return {
        source: _show_score(question, ratings, estimates[source], None if source == REAL else estimates.get(REAL))
        for source, ratings in by_source.items()
    }


def _estimate(question: Question, ratings: Sequence[Mapping[str, Value]], rng: np.random.Generator) -> Estimate | None:
    """Return the mean over items and its interval, None below two items.

    If all items have the same mean, a bootstrap would give an interval of no width. Then it is Wilson's interval of the
    mean's place between the ends of the scale, which is wide enough, as no distribution between them has more spread.
    """
    means = np.array([fmean(map(question.measure, rated.values())) for rated in ratings])
    if len(means) < 2:
        return None
    if np.ptp(means) > 0:
        return Estimate(float(means.mean()), *bootstrap_items(means, rng))
    least, most = (min(map(question.measure, question.values)), max(map(question.measure, question.values)))
    low, high = find_wilson_interval((float(means[0]) - least) / (most - least), len(means))
    return Estimate(float(means[0]), least + low * (most - least), least + high * (most - least))


def _show_score(
    question: Question, ratings: Sequence[Mapping[str, Value]], estimate: Estimate | None, real: Estimate | None
) -> dict[str, Any]:
    values = [value for rated in ratings for value in rated.values()]
    gap = subtract_estimates(estimate, real) if estimate and real else None
    return {
        "mean": estimate.value if estimate else fmean(map(question.measure, ratings[0].values())),
        "low": estimate and estimate.low,
        "high": estimate and estimate.high,
        "items": len(ratings),
        "ratings": len(values),
        "by_annotator": _average_annotators(question, ratings),
        "gap": gap and asdict(gap),
    } | ({"unsure": values.count(UNSURE) / len(values)} if UNSURE in question.values else {})


def _average_annotators(question: Question, ratings: Sequence[Mapping[str, Value]]) -> dict[str, float]:
    people = sorted({person for rated in ratings for person in rated})
    return {p: fmean(question.measure(rated[p]) for rated in ratings if p in rated) for p in people}


def _list_values(question: Question, items: Sequence[Item], answers: Answers, person: str) -> list[Value | None]:
    """Return the annotator's answer to each item, None for none."""
    given = (answers.get((person, item.id)) for item in items)
    return [answer.ratings.get(question.name) if answer else None for answer in given]


def _compare(
    question: Question, first: str, second: str, ours: Sequence[Value | None], theirs: Sequence[Value | None]
) -> dict[str, Any]:
    both = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
    left, right = ([question.values.index(pair[side]) for pair in both] for side in (0, 1))
    weights: Literal["quadratic"] | None = "quadratic" if question.is_scale else None
    return {
        "annotators": [first, second],
        "items": len(both),
        "kappa": measure_kappa(left, right, len(question.values), weights=weights),
        "weights": weights,
        "same": fmean(a == b for a, b in both) if both else None,
    }


def _count_caught(fault: str, given: Sequence[Answer], by_id: Mapping[str, Item]) -> tuple[int, int]:
    """Return how many controls of a fault were caught, and how many had its question answered."""
    question = BY_NAME[FAULTS[fault]].name
    values = [a.ratings[question] for a in given if by_id[a.item].fault == fault and question in a.ratings]
    return sum(is_caught(fault, value) for value in values), len(values)
