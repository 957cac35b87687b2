"""The signatures of faults in a method's answers and its training. docs/doctor.md has the reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean

from dawgen.classifier.diagnose import COLLAPSED
from dawgen.evaluate.doctor.facts import Facts, MethodFacts, Share
from dawgen.evaluate.doctor.findings import Finding
from dawgen.evaluate.doctor.luck import exceed, guess, reach_at_most
from dawgen.stats import expect_best, find_mcnemar_p

RARE = 0.001  # chance of a false name in one look; a run has tens of them
FLIPPED = 0.6  # of guessing: random labels of few shots can push a prompt down to 0.78 of it, beyond test rows' luck
USEFUL = 0.1  # above guessing: what a useful prompt reaches at least
GAP = 0.25  # between the few shots and rows not trained on
BETTER = 0.01  # one-sided
OPTIMISM = 0.12  # just above what 16 dev rows for each of 2 labels and 6 looks can show: 0.112
CUT = 0.05  # of the texts
FALL = 0.95  # of the first loss; what is left at the end must be below it
UNLEARNED = 0.9  # of ln K, the loss of guessing


def find_collapsed(facts: Facts, method: MethodFacts) -> Finding | None:
    """Nearly all answers are one label, the test rows are not, and training did go down."""
    if not method.trained or not is_collapsed(method) or find_not_learned(facts, method):
        return None
    answers = [sum(column) for column in zip(*method.confusion, strict=True)]
    place = max(range(len(answers)), key=answers.__getitem__)
    rows, largest = sum(answers), max(map(sum, method.confusion))
    return Finding(
        "collapsed",
        "serious",
        f"{answers[place]} of {rows} answers are {facts.labels[place]!r}; the largest label has {largest} rows",
        _explain_collapse(facts, facts.labels[place]),
        "as many rows of every label; else more steps: --set target.steps=400, a lower rate: --set target.rate=0.07, "
        "or other --label-words",
        numbers={"share": answers[place] / rows, "largest_label": largest / rows},
    )


def find_flipped(facts: Facts, method: MethodFacts) -> Finding | None:
    """Accuracy is far below guessing and beyond luck, over all labels or between two of them: words are flipped."""
    if not method.confusion or is_collapsed(method):
        return None
    pairs = list(combinations(range(len(facts.labels)), 2)) if len(facts.labels) > 2 else []
    groups = [tuple(range(len(facts.labels))), *pairs]
    lucks = {group: _measure_luck(method.confusion, group) for group in groups}
    worst = min(groups, key=lambda group: lucks[group][2])
    right, chance, luck = lucks[worst]
    if luck * len(groups) >= RARE or right.value > FLIPPED * chance:
        return None
    names = " and ".join(facts.labels[place] for place in worst)
    words = {facts.labels[place]: facts.words[place] for place in worst} if facts.words else {}
    return Finding(
        "flipped_words",
        "serious",
        f"between {names} {right} test rows are right, guessing gives {100 * chance:.1f} %",
        "the labels of the training rows and of the test rows are named in another order"
        if method.trained
        else "the label words say the opposite of the labels to this target",
        f"exchange {names} in one of the files' label columns"
        if method.trained
        else f"exchange the label words of {names}" + (f" (now {words})" if words else "") + ": --label-words",
        numbers={"accuracy": right.value, "guessing": chance, "p": luck},
    )


def find_guessing(facts: Facts, method: MethodFacts) -> Finding | None:
    """A trained method that is surely less than ten points above guessing, for none of the reasons named elsewhere.

    A prompt of real rows alone may do so in a sound run: it counts only if synthetic data do not help it.
    """
    if not method.trained or method.test is None or is_collapsed(method):
        return None
    chance = guess(method.confusion)
    if not is_guessing(method) or find_flipped(facts, method) or find_not_learned(facts, method):
        return None
    better = [other for other in facts.methods.values() if other.synthetic and other.test and not is_guessing(other)]
    if better and not method.synthetic:
        return None
    return Finding(
        "guessing",
        "serious",
        f"{method.test} test rows are right, the same answers dealt out at random give {100 * chance:.1f} %",
        "this target cannot do the task with a prompt, or the training labels are wrong",
        "a larger target: --set target.model=google/flan-t5-base; more real rows: --shots; a method that trains "
        "weights, to tell which it is: --methods lora",
        numbers={"accuracy": method.test.value, "guessing": chance},
    )


def find_overfit(facts: Facts, method: MethodFacts) -> Finding | None:
    """The few shots are memorised: train and held-out accuracy are further apart than chance explains.

    A prompt of real rows alone does so in sound runs too, which is what synthetic data are for: it counts only if the
    run has nothing better.
    """
    best = any(other.synthetic or other.schedule == "pooled" for other in facts.methods.values())
    if not method.trained or method.fitted is None or method.held_out is None or (best and not method.synthetic):
        return None
    gap, luck = method.fitted.value - method.held_out.value, exceed(method.fitted, method.held_out)
    if gap <= GAP or luck >= RARE:
        return None
    return Finding(
        "overfit",
        "minor",
        f"{method.fitted} few shots are right and {method.held_out} held-out rows",
        "the prompt learns the few shots by heart",
        "let synthetic rows weigh more: --set target.epsilon=2, more of them: --per-label 1000; fewer steps: "
        "--set target.steps=100"
        if method.synthetic
        else "synthetic data: --methods prompt_tuning,dawgen; else fewer steps: --set target.steps=75",
        numbers={"fitted": method.fitted.value, "held_out": method.held_out.value, "p": luck},
    )


def find_small_dev(facts: Facts) -> Finding | None:
    """So few dev rows for so many evaluations that the best of them means little; the method where it is worst.

    What counts is the expected excess of the best of `looks` prompts of one true accuracy: see stats.expect_best.
    """
    judged = {name: measure_optimism(method) for name, method in facts.methods.items()}
    name = max(judged, key=lambda name: judged[name], default=None)
    if name is None or judged[name] <= OPTIMISM:
        return None
    method, excess = facts.methods[name], judged[name]
    seen = "" if method.test is None else f", {100 * method.test.value:.1f} % on the test rows"
    return Finding(
        "small_dev",
        "minor",
        f"the best of {method.looks} looks at {method.n_dev} dev rows shows up to {100 * excess:.0f} points too much "
        f"(here {100 * (method.dev_accuracy or 0):.1f} %{seen})",
        "luck chooses the prompt when the dev set is small and looked at often",
        f"look less often: --set target.eval_every={_space_looks(method)}, or give more dev rows: --dev FILE",
        numbers={"excess": excess, "n_dev": method.n_dev, "looks": method.looks},
        run=facts.run,
        method=name,
    )


def measure_optimism(method: MethodFacts) -> float:
    """Return an upper bound of the optimism of the chosen dev accuracy; 0 without a choice."""
    if not method.n_dev or method.looks < 2 or method.dev_accuracy is None:
        return 0.0
    return expect_best(method.test.value if method.test else method.dev_accuracy, method.n_dev, method.looks)


def find_no_gain(facts: Facts, method: MethodFacts) -> Finding | None:
    """Synthetic data made it worse than the few shots alone, by more than chance on the same test rows."""
    base = facts.methods.get("prompt_tuning")
    if base is None or not method.synthetic or not method.correct or len(method.correct) != len(base.correct):
        return None
    luck = find_mcnemar_p(base.correct, method.correct, "greater")
    if luck >= BETTER or method.test is None or base.test is None:
        return None
    return Finding(
        "no_gain",
        "minor",
        f"{method.test} test rows are right, {base.test} without synthetic data (p {luck:.2g})",
        "the set teaches something else than the task, or the few shots are enough",
        "dawgen audit SET --real TRAIN; let synthetic rows weigh less: --set target.epsilon=0.5; or keep prompt_tuning",
        numbers={"accuracy": method.test.value, "prompt_tuning": base.test.value, "p": luck},
    )


def find_not_learned(facts: Facts, method: MethodFacts) -> Finding | None:
    """The training loss did not fall and is still that of guessing."""
    if not method.trained or len(method.losses) < 10 or len(facts.labels) < 2:
        return None
    size = max(1, len(method.losses) // 10)
    first, last = fmean(method.losses[:size]), fmean(method.losses[-size:])
    if last < FALL * first or last < UNLEARNED * math.log(len(facts.labels)):
        return None
    rose = last > 1.5 * first
    return Finding(
        "not_learned",
        "serious",
        f"the loss goes from {first:.3f} to {last:.3f}; guessing has {math.log(len(facts.labels)):.3f}",
        "the rate is too high" if rose else "the rate is too low or too high, or there are too few steps",
        "--set target.rate=0.07"
        if rose
        else "the default rate: --set target.rate=0.2, and more steps: --set target.steps=400",
        numbers={"first": first, "last": last},
    )


def find_cut_texts(facts: Facts) -> Finding | None:
    """Many texts lose their end; the method that cuts most."""
    cuts = {name: method.cut for name, method in facts.methods.items() if method.cut is not None}
    name = max(cuts, key=lambda name: cuts[name].value, default=None)
    if name is None or cuts[name].value <= CUT:
        return None
    return Finding(
        "cut_texts",
        "serious",
        f"{cuts[name].count} of {cuts[name].rows} texts are longer than fits and lose their end",
        "target.max_tokens is below the length of the texts",
        "--set target.max_tokens=512, or as many as the target takes",
        numbers={"share": cuts[name].value},
        run=facts.run,
        method=name,
    )


def is_guessing(method: MethodFacts) -> bool:
    """Return whether the test rows are enough to say that a method is less than ten points above guessing."""
    return method.test is not None and reach_at_most(method.test, min(1.0, guess(method.confusion) + USEFUL)) < BETTER


def is_collapsed(method: MethodFacts) -> bool:
    """Return whether the answers are one label, as `classifier.diagnose` defines it."""
    rows = sum(map(sum, method.confusion))
    if not rows:
        return False
    answers = [sum(column) for column in zip(*method.confusion, strict=True)]
    return max(answers) / rows >= COLLAPSED and max(map(sum, method.confusion)) / rows < COLLAPSED


def _measure_luck(confusion: Sequence[Sequence[int]], group: tuple[int, ...]) -> tuple[Share, float, float]:
    """Return the right rows among those of some labels, the accuracy of guessing there, and the chance of so few."""
    square = [[confusion[row][column] for column in group] for row in group]
    right = Share(sum(square[place][place] for place in range(len(group))), sum(map(sum, square)))
    chance = guess(square)
    return right, chance, reach_at_most(right, chance) if right.rows and right.value < chance else 1.0


def _explain_collapse(facts: Facts, label: str) -> str:
    rows = sum(facts.set.labels.values()) if facts.set is not None else 0
    if facts.set is not None and rows and facts.set.labels.get(label, 0) / rows > 2 / len(facts.labels):
        return f"{facts.set.labels[label]} of {rows} synthetic rows are {label!r}"
    return "training stopped at the easiest answer: too few steps, too high a rate, or label words that are hard to say"


def _space_looks(method: MethodFacts) -> int:
    """Return the steps between evaluations for three of them in all."""
    return max(1, math.ceil(max(method.steps, method.looks) / 3))


METHOD_SIGNATURES: tuple[Callable[[Facts, MethodFacts], Finding | None], ...] = (
    find_collapsed,
    find_flipped,
    find_guessing,
    find_overfit,
    find_no_gain,
    find_not_learned,
)
RUN_SIGNATURES: tuple[Callable[[Facts], Finding | None], ...] = (find_small_dev, find_cut_texts)
