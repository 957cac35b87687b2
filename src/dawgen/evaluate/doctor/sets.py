"""The signatures of faults in the synthetic set and the data, one function each. docs/doctor.md has the reasons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from dawgen.evaluate.doctor.facts import Facts, MethodFacts, SetFacts
from dawgen.evaluate.doctor.findings import Finding
from dawgen.evaluate.doctor.luck import guess

FAR = 3.0  # times the distance that 95 % of random splits stay below
LOW_LABELS = 0.5  # of the way from guessing to all right
LOW_POSTERIOR = 0.7  # of the way from guessing to certain: a posterior is surer of its own texts than it should be
SKILL = 0.15  # above guessing: a prompt that knows less cannot judge labels
COPIES = 0.1  # of a label's rows, beyond what its real rows show
REPEATS = 0.2  # of the rows
GIVEN_AWAY = 0.9  # of the way from the largest label to all that a rule of these answers can have right


def find_misaligned(facts: Facts) -> Finding | None:
    """The generator is misaligned: its texts are far from the real ones, and its labels do not hold."""
    found = find_low_labels(facts)
    if facts.set is None or found is None or not is_far(facts.set):
        return None
    mmd, words = facts.set.audit["mmd"], found[0]
    times = mmd["value"] / mmd["chance"]
    return Finding(
        "misaligned",
        "serious",
        f"the set is {times:.1f} times as far from the real rows as chance goes (kernel MMD^2 {mmd['value']:.4f}, "
        f"p {mmd['p']:.3f}), and {words}",
        "the generator does not write what the task's rows look like: "
        + ("its prefix was not tuned" if facts.set.kind == "untuned" else "too few or other rows, or too few steps"),
        "tune it: --set generator.kind=dawgen, or more steps: --set generator.steps=320; first texts of the task's "
        "own kind: --unlabelled FILE",
        numbers={"mmd": mmd["value"], "mmd_times_chance": times} | found[1],
        run=facts.run,
    )


def find_wrong_labels(facts: Facts) -> Finding | None:
    """The texts are like the real ones, their labels are not right."""
    found = find_low_labels(facts)
    if facts.set is None or found is None or is_far(facts.set):
        return None
    return Finding(
        "wrong_labels",
        "serious",
        found[0],
        "labels were mixed up on the way" if facts.set.given else "the generator does not tell the labels apart",
        "check the set's label column against the task's labels"
        if facts.set.given
        else "let the posterior filter choose: --set curate.posterior=true --set curate.posterior_margin=1, or "
        "--set decode.contrast=1",
        numbers=found[1],
        run=facts.run,
    )


def find_copies(facts: Facts) -> Finding | None:
    """Rows whose text2 repeats text1, more than among the real rows."""
    if facts.set is None:
        return None
    shares = facts.set.audit.get("copy_share_by_label", {})
    real = facts.set.audit.get("copy_share_real", {})
    excess = {label: share - (real.get(label) or 0.0) for label, share in shares.items() if share is not None}
    label = max(excess, key=lambda name: excess[name], default=None)
    if label is None or excess[label] <= COPIES:
        return None
    usual = 100 * (real.get(label) or 0)
    return Finding(
        "copies",
        "serious",
        f"{100 * shares[label]:.0f} % of the rows of {label!r} repeat text1 as text2, {usual:.0f} % of the real ones",
        "greedy decoding of a label that means likeness, and a set that nobody curated",
        "dawgen curate SET --real TRAIN --out SET2, then --synthetic SET2; or --set decode.strategy=sample",
        numbers={"share": shares[label], "real_share": real.get(label) or 0.0},
        run=facts.run,
    )


def find_repeats(facts: Facts) -> Finding | None:
    """Rows that add nothing: they repeat an earlier row, or a real one."""
    if facts.set is None or "duplicates" not in facts.set.audit:
        return None
    audit, rows = facts.set.audit, facts.set.audit["rows"]
    again = audit["duplicates"]["exact"]["rows"] + audit["duplicates"]["near"]["rows"]
    real = (audit.get("leaks", {}).get("real") or {}).get("pairs", 0)
    share = max(again, real) / max(1, rows)
    if share <= REPEATS:
        return None
    what = f"{again} repeat an earlier one, exactly or nearly, and {real} are real rows again"
    return Finding(
        "repeats",
        "minor",
        f"of {rows} synthetic rows that were looked at {what}",
        "the generator has little to say: low temperature, few first texts, or the real rows learnt by heart",
        "dawgen curate SET --real TRAIN --out SET2; more first texts: --unlabelled FILE; --set decode.temperature=1.2",
        numbers={"repeats": again / max(1, rows), "real": real / max(1, rows)},
        run=facts.run,
    )


def find_artefact(facts: Facts) -> Finding | None:
    """A short rule finds the set's labels, but not those of the real rows: label leakage by artefact."""
    rule = facts.set.audit.get("artefacts", {}).get("rule") if facts.set is not None else None
    if facts.set is None or rule is None or measure_rule(rule, facts.set) < GIVEN_AWAY:
        return None
    real = rule.get("transfer")
    shown = "" if real is None else f", {100 * real:.0f} % of the real rows"
    return Finding(
        "artefact",
        "serious",
        f"one rule is right on {100 * rule['accuracy']:.0f} % of the synthetic rows{shown} (largest label "
        f"{100 * rule['majority']:.0f} %): {rule['text']}",
        "the way the set was written differs by label, and the prompt can learn that instead of the task",
        "even the rule out: offer every first text to every label, as dawgen generate does, and drop rows that only "
        "the rule tells; dawgen audit SET --real TRAIN shows its words",
        numbers={"accuracy": rule["accuracy"], "majority": rule["majority"]}
        | ({} if real is None else {"transfer": real}),
        run=facts.run,
    )


def find_test_leak(facts: Facts) -> Finding | None:
    """Training or synthetic rows stand in the test rows."""
    if not facts.leaks:
        return None
    parts = [f"{leak.share.count} of {leak.share.rows} {leak.source} rows" for leak in facts.leaks]
    return Finding(
        "test_leak",
        "serious",
        f"{' and '.join(parts)} stand in the test rows, first: {facts.leaks[0].example}",
        "test rows came into training: the test accuracy is better than it should be",
        "run again with --test FILE --leaks drop, which leaves such rows out of training",
        numbers={leak.source: leak.share.value for leak in facts.leaks},
        run=facts.run,
    )


def measure_rule(rule: Mapping[str, Any], data: SetFacts) -> float:
    """Return how far a rule gets from the share of the largest label (0) to that of all labels that it answers (1).

    One word separates two labels: of three it can get two thirds right, and this is all that it can reveal.
    """
    answers = [label for label in data.labels if re.search(rf": {re.escape(label)}(?:[,;]|$)", rule["text"])]
    counts = data.audit["labels"]
    most = sum(counts[label] for label in answers or counts) / max(1, sum(counts.values()))
    room = most - rule["majority"]
    return float((rule["accuracy"] - rule["majority"]) / room) if room > 0 else 0.0


def is_far(data: SetFacts) -> bool:
    """Return whether the texts are far beyond chance from the real ones."""
    mmd = data.audit.get("mmd")
    return mmd is not None and mmd["p"] < 0.01 and mmd["value"] > FAR * mmd["chance"]


def find_low_labels(facts: Facts) -> tuple[str, dict[str, float]] | None:
    """Return the first sign that labels do not hold, in words and numbers: oracle, posterior, or a real-only prompt."""
    data, chance = facts.set, 1 / max(1, len(facts.labels))
    if data is None or len(facts.labels) < 2:
        return None
    fidelity = data.fidelity if data.fidelity is not None else data.raw_fidelity
    if fidelity is not None:
        low = way(fidelity, chance) < LOW_LABELS
        return (
            (f"{100 * fidelity:.0f} % of its labels are right by the oracle", {"fidelity": fidelity}) if low else None
        )
    if data.posterior is not None and way(data.posterior, chance) < LOW_POSTERIOR:
        words = f"the generator gives its texts their own label with probability {data.posterior:.2f}"
        return words, {"posterior": data.posterior}
    return doubt_labels(facts)


def doubt_labels(facts: Facts) -> tuple[str, dict[str, float]] | None:
    """Return that a prompt of real rows alone agrees with the set far less than with held-out rows, or None."""
    for method in facts.methods.values():
        if method.synthetic or not method.trained or method.agrees is None or method.held_out is None:
            continue
        skill = method.held_out.value - guess_of(method, facts)
        agreement = method.agrees.value - 1 / len(facts.labels)
        if skill >= SKILL and agreement < LOW_LABELS * skill:
            return (
                f"{method.name}, a prompt of real rows alone, gives {method.agrees} synthetic rows their label, and "
                f"is right on {method.held_out} held-out rows",
                {"agreement": method.agrees.value, "held_out": method.held_out.value},
            )
    return None


def guess_of(method: MethodFacts, facts: Facts) -> float:
    """Return the accuracy of guessing with the method's own answers, else one over the number of labels."""
    return guess(method.confusion) if method.confusion else 1 / len(facts.labels)


def way(value: float, chance: float) -> float:
    """Return the position of a share between chance (0) and 1; negative below chance."""
    return (value - chance) / (1 - chance)


SET_SIGNATURES: tuple[Callable[[Facts], Finding | None], ...] = (
    find_misaligned,
    find_wrong_labels,
    find_copies,
    find_repeats,
    find_artefact,
    find_test_leak,
)
