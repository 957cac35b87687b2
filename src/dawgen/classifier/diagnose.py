"""Warnings about a trained prompt: collapse to one class, flipped label words, prompt rows that never learned, and a
rate that does not fit: rows far from all embeddings, a loss that stays that of guessing."""

import math
from collections import Counter
from collections.abc import Sequence

from scipy.special import bdtr

from dawgen.config import TargetConfig

COLLAPSED = 0.95  # share of one class among the predictions
UNLIKELY = 0.05  # chance of an accuracy this low by guessing
FAR = 10  # norms of an embedding: no model has read such an input
STUCK = 0.95  # of ln K, the loss of guessing
LEAST = 30  # steps, in fewer of which nothing can be said of a third


def name_rate(config: TargetConfig) -> str:
    """Return the setting that decides the rate, with its value: "target.rate (now 0.2)"."""
    return f"target.rate (now {config.rate:g})" if config.lr is None else f"target.lr (now {config.lr:g})"


def find_far_rows(reach: float, config: TargetConfig) -> list[str]:
    """Warn when prompt rows have left the embeddings' range; reach: see `models.units.measure_reach`."""
    if reach <= FAR:
        return []
    return [
        f"far from the embeddings: a prompt row is {reach:.0f} times as long as an embedding of the model; lower "
        f"{name_rate(config)}"
        + ("" if config.lr is None else ", or use target.rate, which is in the model's own units")
    ]


def watch_third(steps: int) -> range:
    """Return the steps, from 0, whose losses say whether training has left chance after a third of it: the last third
    of these. None where there are fewer than 30 steps."""
    third = steps // 3
    return range(third - third // 3, third) if steps >= LEAST else range(0)


def is_stuck(loss: float, labels: int) -> bool:
    """Return whether a mean loss is that of guessing among so many labels, or above."""
    return labels > 1 and loss >= STUCK * math.log(labels)


def find_slow_start(loss: float | None, labels: int, config: TargetConfig) -> list[str]:
    """Warn when the loss has not left chance after a third of the steps; loss: the mean over `watch_third`."""
    if loss is None or not is_stuck(loss, labels):
        return []
    return [
        f"slow start: after a third of the steps the loss is {loss:.3f}, guessing has {math.log(labels):.3f}; change "
        f"{name_rate(config)}, or take more steps"
    ]


def find_collapse(truth: Sequence[str], predicted: Sequence[str], where: str) -> list[str]:
    """Warn when nearly all predictions are one class and the truth is not."""
    if not truth:
        return []
    label, count = Counter(predicted).most_common(1)[0]
    majority = max(Counter(truth).values()) / len(truth)
    if count / len(predicted) < COLLAPSED or majority >= COLLAPSED:
        return []
    return [
        f"collapsed: {count} of {len(predicted)} predictions on the {where} are '{label}', the largest class has "
        f"{majority:.0%} of the rows; try more steps, another rate or other label words"
    ]


def find_flip(truth: Sequence[str], predicted: Sequence[str], where: str) -> list[str]:
    """Warn when accuracy is too far below guessing to be luck (binomial, one-sided 5 %).

    Guessing means the same shares of predictions, dealt out at random: sum_k share(truth = k) * share(predicted = k).
    """
    rows = len(truth)
    if not rows:
        return []
    true_shares, shares = Counter(truth), Counter(predicted)
    chance = sum(true_shares[label] * shares[label] for label in true_shares) / rows**2
    right = sum(a == b for a, b in zip(truth, predicted, strict=True))
    if right / rows >= chance:
        return []
    luck = float(bdtr(right, rows, chance))
    if luck > UNLIKELY:
        return []
    return [
        f"below chance: accuracy on the {where} is {right / rows:.1%} of {rows} rows, guessing gives {chance:.1%}; "
        "the label words are probably flipped"
    ]


def find_dead_rows(touched: Sequence[float]) -> list[str]:
    """Warn when prompt rows never got a gradient; `touched`: the largest gradient norm of each row."""
    dead = [row for row, norm in enumerate(touched) if not norm > 0]
    if not dead:
        return []
    shown = ", ".join(map(str, dead[:8])) + (", ..." if len(dead) > 8 else "")
    return [f"no gradient: {len(dead)} of {len(touched)} prompt rows never learned (rows {shown})"]
