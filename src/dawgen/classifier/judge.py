"""What is said of a trained prompt: warnings, and the temperature of its probabilities.

Both come from rows that choose nothing in training but the step: the dev set, where there is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dawgen.classifier.checkpoint import Trained
from dawgen.classifier.diagnose import find_collapse, find_dead_rows, find_flip
from dawgen.classifier.held_out import score_held_out
from dawgen.classifier.scorer import Scorer
from dawgen.classifier.train import Log, Training
from dawgen.config import Tempering
from dawgen.stats.temperature import LEAST, Temperature, fit_temperature

JUDGED = 1000  # training rows, at most, by which a prompt without a dev set is judged
SPREAD = 0.5  # of log T that prompts of folds are believed: they learn from half of the shots, and some learn nothing
DIGITS = 6  # of a temperature: more would be another number on another machine


@dataclass(frozen=True, slots=True)
class Tempered:
    """A temperature, and how it was found: in words, for metrics.json and cards."""

    value: float
    how: str


def judge_prompt(
    scorer: Scorer,
    start: Tensor,
    training: Training,
    trained: Trained,
    labels: Sequence[str],
    *,
    log: Log | None = None,
    checkpoint: Path | None = None,
) -> tuple[list[str], Tempered]:
    """Return the warnings about a trained prompt, and the temperature of its probabilities.

    The likeliest labels are compared with the true ones on the dev rows, else on the training rows. start, log,
    checkpoint: of the training, for those of folds.
    """
    rows, where = training.dev, "dev set"
    if rows is None:
        source, where = training.real if len(training.real.labels) else training.synthetic, "training rows"
        judged = range(min(JUDGED, len(source.labels)))
        ids, truth = source.take(judged), [source.labels[row] for row in judged]
    else:
        ids, truth = rows.ids, list(rows.labels)
    scores = scorer.score(ids, trained.prompt)
    names, predicted = [labels[number] for number in truth], [labels[number] for number in scores.argmax(1).tolist()]
    warnings = [
        *find_collapse(names, predicted, where),
        *(find_flip(names, predicted, where) if rows is not None else []),
        *find_dead_rows(trained.touched.tolist()),
    ]
    found = None if rows is None else (scores, truth)
    return warnings, choose_temperature(scorer, start, training, trained, found, log=log, checkpoint=checkpoint)


def choose_temperature(
    scorer: Scorer,
    start: Tensor,
    training: Training,
    trained: Trained,
    dev: tuple[Tensor, Sequence[int]] | None,
    *,
    log: Log | None = None,
    checkpoint: Path | None = None,
) -> Tempered:
    """Return the temperature that `config.temperature` asks for. dev: scores [N,K] and label numbers, if there are any.

    Rows that a prompt has learned from say nothing of how sure it should be. Without dev rows the real ones are scored
    by prompts that have not learned from them (`held_out`), which costs another training; these are worse prompts than
    the whole one, so that their T is held near 1. Synthetic rows are no
    substitute: their labels may be wrong, and a temperature would take that for too much confidence.
    """
    setting, real = training.config.temperature, list(training.real.labels)
    if not isinstance(setting, str):
        return Tempered(setting, "given")
    if setting == "none":
        return Tempered(1.0, "none")
    if dev is not None:
        return _fit(*dev, f"{len(dev[1])} dev rows")
    if setting == "dev" or not real:
        return Tempered(1.0, "none: there are no dev rows")
    if training.schedule == "synthetic":
        scores = scorer.score(training.real.take(range(len(real))), trained.prompt)
        return _fit(scores, real, f"{len(real)} real rows, which it has not learned from")
    if refused := refuse_folds(training.config.temperature, real):
        return Tempered(1.0, f"none: {refused}")
    scores = score_held_out(scorer, start, training, log=log, checkpoint=checkpoint)
    return _fit(scores, real, f"{len(real)} real rows, scored by prompts that have not learned from them", SPREAD)


def refuse_folds(setting: Tempering, labels: Sequence[int]) -> str | None:
    """Return why a temperature is not found on held-out rows of these labels, None where it is: in words."""
    counts = Counter(labels)
    if setting != "auto":
        return "target.temperature is not auto"
    if len(labels) < LEAST:
        return f"{len(labels)} rows are too few, it takes {LEAST}"
    if len(counts) < 2 or min(counts.values()) < 2:
        return "it takes two labels or more with two rows or more each"
    return None


def _fit(scores: Tensor, labels: Sequence[int], rows: str, spread: float | None = None) -> Tempered:
    found: Temperature = fit_temperature(scores.numpy(), labels, spread)
    return Tempered(round(found.value, DIGITS), f"none: {found.refused}" if found.refused else rows)
