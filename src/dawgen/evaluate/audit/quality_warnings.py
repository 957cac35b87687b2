"""The warnings that follow from an audit's numbers, in plain sentences with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dawgen.evaluate.audit.artefacts import is_artefact
from dawgen.stats import show_percent as percent

COPIES = 0.05  # share of a label's rows above that of the real rows
DUPLICATES = 0.05  # share of the rows
CONFLICTS = 0.01
RIGHT = 0.7  # of labels: below, a label is wrong too often to learn much from
UNREADABLE = 0.1
TOLD_APART = 0.9  # area under the curve of set against real
ENOUGH_REAL = 30  # real rows from which on diversity is compared
REPEATS = 0.15  # self-BLEU above the real rows'
FEWER_PAIRS = 0.75  # of the real rows' share of different word pairs
FEWER_KINDS = 0.5  # of the real rows' Vendi score
TELLING = 0.9  # share of the rows with a word that have its label
COMMON = 0.05  # share of the rows that have the word
APART = 0.15  # share of the label above the real one
SURE = 0.05  # chance that some word does so where none does
WORDS = 3  # that are named at most
ECHOES = 0.02  # share of the rows; of near ones above the share of real rows that repeat an earlier one


def find_warnings(numbers: Mapping[str, Any]) -> list[str]:
    """Return what is to be warned of in the numbers of an audit; a number that is missing or None warns of nothing."""
    finders = (_judge_counts, _judge_correctness, _judge_copies, _judge_duplicates, _judge_distance, _judge_diversity)
    return [text for find in (*finders, _judge_artefacts, _judge_leaks) for text in find(numbers)]


def _judge_counts(numbers: Mapping[str, Any]) -> Iterator[str]:
    for label, count in numbers.get("labels", {}).items():
        if not count:
            yield f"there is no row of label {label!r}: nothing can be learnt about it from this set."


def _judge_correctness(numbers: Mapping[str, Any]) -> Iterator[str]:
    correct = numbers.get("label_correctness") or {}
    value, judge = correct.get("value"), correct.get("judge")
    if correct.get("source") == "oracle" and value is not None and value < RIGHT:
        yield f"only {percent(value)} of the labels are right by the oracle: tune the generator longer."
    if (unread := correct.get("ungrammatical")) and unread > UNREADABLE:
        yield f"{percent(unread)} of the rows cannot be read by the oracle: the generator does not write the language."
    if judge and not judge["tells"]:
        yield (
            f"this judge cannot tell: {judge['name']} is right on {percent(judge['accuracy'])} of {judge['n_test']} "
            f"real rows, where guessing gives {percent(judge['chance'])}. Give it more real rows: --gold."
        )
    elif judge and judge["corrected_high"] < RIGHT:
        low, high = percent(judge["corrected_low"]), percent(judge["corrected_high"])
        yield (
            f"only about {percent(judge['corrected'])} of the labels are right (95 %: {low} to {high}), says "
            f"{judge['name']}, its own mistakes allowed for."
        )
    if judge and judge["tells"] and judge["agreement"] > judge["high"]:
        yield (
            f"the set is easier than real rows: the judge agrees with {percent(judge['agreement'])} of its labels, and "
            f"with {percent(judge['accuracy'])} of real ones. The share of right labels takes equal ones for granted: "
            "it is no more than a hint."
        )
    posterior = correct.get("posterior")
    if posterior and posterior["agreement"] < RIGHT:
        yield (
            f"the generator itself gives {percent(1 - posterior['agreement'])} of the rows to another label than "
            "theirs: `dawgen curate` drops those."
        )


def _judge_copies(numbers: Mapping[str, Any]) -> Iterator[str]:
    near = numbers.get("near_copies") or {}
    kinds = (
        ("repeat text1 word for word", numbers.get("copy_share_by_label"), numbers.get("copy_share_real")),
        ("nearly repeat text1", near.get("by_label"), near.get("real")),
    )
    for what, shares, theirs in kinds:
        for label, share in (shares or {}).items():
            real = (theirs or {}).get(label) or 0.0
            if share is not None and share - real > COPIES:
                yield (
                    f"copies: {percent(share)} of the rows of {label!r} {what}, of the real ones {percent(real)}: "
                    f"`dawgen curate` drops them."
                )


def _judge_duplicates(numbers: Mapping[str, Any]) -> Iterator[str]:
    found = numbers.get("duplicates") or {}
    rows, repeated = (
        sum(found[kind][name] for kind in ("exact", "near") if kind in found) for name in ("rows", "share")
    )
    if repeated > DUPLICATES:
        yield (
            f"duplicates: {rows} rows ({percent(repeated)}) repeat an earlier row or nearly do: `dawgen curate` drops "
            "them; a higher temperature or more first texts make fewer."
        )
    conflicts = found.get("conflicts")
    if conflicts and conflicts["share"] > CONFLICTS:
        yield (
            f"conflicts: {conflicts['rows']} rows ({percent(conflicts['share'])}) repeat an earlier row under another "
            "label, so one of the two is wrong: `dawgen curate` keeps one."
        )


def _judge_distance(numbers: Mapping[str, Any]) -> Iterator[str]:
    test = numbers.get("c2st")
    if test and test["p"] <= 0.05 and test["auc"] > TOLD_APART:
        yield (
            f"a classifier tells the set from the real rows (area under the curve {test['auc']:.2f}, p {test['p']:.3f})"
            ": the texts are of another kind. Look at a few of both, or tune the generator longer."
        )


def _judge_diversity(numbers: Mapping[str, Any]) -> Iterator[str]:
    found = numbers.get("diversity") or {}
    ours, real = found.get("matched"), found.get("real")
    if not ours or not real or real["sample"] < ENOUGH_REAL:
        return
    less = []
    if ours["self_bleu"] - real["self_bleu"] > REPEATS:
        less.append(f"self-BLEU {ours['self_bleu']:.2f} against {real['self_bleu']:.2f}")
    if ours["distinct_2"] < FEWER_PAIRS * real["distinct_2"]:
        less.append(f"distinct-2 {ours['distinct_2']:.2f} against {real['distinct_2']:.2f}")
    if "vendi" in ours and ours["vendi"] < FEWER_KINDS * real["vendi"]:
        less.append(f"Vendi {ours['vendi']:.1f} against {real['vendi']:.1f}")
    if less:
        yield (
            f"the texts are less varied than the real ones ({', '.join(less)}, of {real['sample']} rows each). "
            "Sample with a higher temperature or top-k, or give more first texts."
        )


def _judge_artefacts(numbers: Mapping[str, Any]) -> Iterator[str]:
    found = numbers.get("artefacts") or {}
    if rule := found.get("rule"):
        yield f"artefact: a rule of {_count_lines(rule['text'])} lines solves {_show_shortcut(rule)} {rule['text']}."
    for name, what in (("hypothesis_only", "text2 without text1"), ("first_text_only", "text1 without text2")):
        if (shortcut := found.get(name)) and is_artefact(shortcut):
            yield f"artefact: a classifier that sees {what} solves {_show_shortcut(shortcut)[:-1]}."
    for word in sorted(filter(_tells, found.get("words", ())), key=lambda word: -word["rows"])[:WORDS]:
        if word["rows"] >= COMMON * found["sample"]:
            yield (
                f"artefact: {word['word']!r} stands in {word['rows']} of {found['sample']} generated texts, "
                f"{percent(word['share'])} of them {word['label']!r} (of real ones {percent(word['real_share'])})."
            )


def _judge_leaks(numbers: Mapping[str, Any]) -> Iterator[str]:
    found = numbers.get("leaks") or {}
    for name in ("test", "dev"):
        if (leak := found.get(name)) and leak["pairs"]:
            yield (
                f"leak: {leak['pairs']} rows repeat {leak['held_pairs']} of the {leak['held']} {name} rows: "
                f"`dawgen curate --{name} FILE` drops them."
            )
    real, rows = found.get("real"), max(1, numbers.get("rows", 0))
    if real and (
        real["pairs"] > ECHOES * rows or real["echoes"] / rows - real["real_echoes"] / max(1, real["held"]) > ECHOES
    ):
        yield (
            f"echoes: {real['pairs']} rows are real rows, and {real['echoes']} of the generated texts are real ones or "
            "nearly so: `dawgen curate` drops them."
        )


def _tells(word: Mapping[str, Any]) -> bool:
    """Return whether a word goes with its label nearly always, and surely more often than in real rows."""
    real = word["real_share"]
    return real is not None and word["share"] >= TELLING and word["share"] - real > APART and word["p"] < SURE


def _count_lines(rule: str) -> str:
    lines = 1 + rule.count("<=") if "<=" in rule else 2
    return {2: "two", 3: "three", 4: "four"}.get(lines, str(lines))


def _show_shortcut(numbers: Mapping[str, Any]) -> str:
    """Return what a rule reaches on the set and on the real rows, as far as that is known."""
    said = f"{percent(numbers['accuracy'])} of the set (always the most frequent label: {percent(numbers['majority'])}"
    if numbers["transfer"] is not None:
        said += f"; on {numbers['real_rows']} real rows: {percent(numbers['transfer'])}"
    if numbers["real_accuracy"] is not None:
        said += f", and the best of its kind there {percent(numbers['real_accuracy'])}"
    return f"{said}):"
