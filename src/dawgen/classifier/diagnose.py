"""Warnings about a trained prompt: collapse to one class, flipped label words, prompt rows that never learned."""

from collections import Counter
from collections.abc import Sequence

from scipy.special import bdtr

from dawgen.config import TargetConfig

COLLAPSED = 0.95  # share of one class among the predictions
UNLIKELY = 0.05  # chance of an accuracy this low by guessing


def name_rate(config: TargetConfig) -> str:
    """Return the setting that decides the rate, with its value: "target.rate (now 0.2)"."""
    return f"target.rate (now {config.rate:g})" if config.lr is None else f"target.lr (now {config.lr:g})"


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
