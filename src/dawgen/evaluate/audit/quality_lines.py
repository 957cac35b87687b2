"""The numbers of an audit as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dawgen.stats import show_percent as percent

NAME = 17  # characters before the text
COLUMNS = (("distinct-1", "distinct_1"), ("distinct-2", "distinct_2"), ("distinct-3", "distinct_3"))
MEASURES = (*COLUMNS, ("self-BLEU", "self_bleu"), ("Vendi", "vendi"), ("words", "words"), ("different", "vocabulary"))
SHORTCUTS = (
    ("hypothesis_only", "text2 alone"),
    ("first_text_only", "text1 alone"),
    ("length", "length rule"),
    ("overlap", "overlap rule"),
    ("word", "one-word rule"),
)


def list_lines(numbers: Mapping[str, Any], *, width: int = 120) -> list[str]:
    """Return the lines, at most `width` characters each: a name, then what the audit found; warnings last."""
    parts = (_show_rows, _show_labels, _show_repeats, _show_distances, _show_diversity, _show_artefacts, _show_leaks)
    lines = [line for show in parts for name, text in show(numbers) for line in _wrap(name, text, width)]
    warnings = [line for text in numbers["warnings"] for line in _wrap("warning", text, width)]
    return [*lines, *(["", *warnings] if warnings else [])]


def _show_rows(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    counts = ", ".join(f"{label} {count}" for label, count in numbers["labels"].items())
    yield "rows", f"{numbers['rows']} ({counts}), beside {numbers['real_rows']} real ones"


def _show_labels(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    correct = numbers["label_correctness"]
    judge, posterior = correct.get("judge"), correct.get("posterior")
    if correct["source"] == "oracle":
        unread = f"; {percent(correct['ungrammatical'])} cannot be read"
        yield "labels right", f"{percent(correct['value'])} by the oracle{unread}{_split_labels(correct)}"
    elif correct["source"] is None:
        yield "labels right", "unknown: no oracle knows this task, and there are too few real rows to train a judge on"
    elif correct["source"] == "posterior":
        yield "labels right", f"{percent(correct['value'])} by the generator's own probabilities"
    if judge:
        if correct["source"] == "judge":
            yield "labels right", _show_judged(correct, judge)
        yield (
            "judge",
            (
                f"{judge['name']}; right on {percent(judge['accuracy'])} of {judge['n_test']} other real rows (95 %: "
                f"{percent(judge['low'])} to {percent(judge['high'])}), guessing {percent(judge['chance'])}"
            ),
        )
    if posterior:
        yield (
            "generator agrees",
            (
                f"with {percent(posterior['agreement'])} of the labels of {posterior['rows']} rows; mean probability "
                f"of the label {posterior['value']:.2f}"
            ),
        )


def _show_repeats(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if numbers["artefacts"]["overlap"] is not None or numbers["copy_share"]:
        shares = _compare_labels(numbers["copy_share"], numbers["copy_share_by_label"], numbers["copy_share_real"])
        near = numbers["near_copies"]
        nearly = _compare_labels(near["share"], near["by_label"], near["real"])
        yield "copies of text1", f"{shares}; near copies {nearly}"
    found = numbers["duplicates"]
    counts = {kind: f"{found[kind]['rows']} ({percent(found[kind]['share'])})" for kind in ("exact", "near")}
    yield (
        "duplicates",
        (
            f"{counts['exact']} repeat an earlier row, {found['conflicts']['rows']} of these under another label; "
            f"{counts['near']} nearly repeat one"
        ),
    )


def _show_distances(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    against = f"from the real rows, as {numbers.get('embedding')} sees them"
    for name, title in (("mmd", "kernel MMD^2"), ("energy", "energy distance")):
        if d := numbers.get(name):
            yield (
                title,
                (f"{d['value']:.4f} +- {d['error']:.4f} {against}; by chance below {d['chance']:.4f} (p {d['p']:.3f})"),
            )
    if test := numbers.get("c2st"):
        yield (
            "told from real",
            (
                f"area under the curve {test['auc']:.3f} +- {test['error']:.3f}; by chance below {test['chance']:.3f} "
                f"(p {test['p']:.3f})"
            ),
        )
    if mauve := numbers.get("mauve"):
        yield (
            "MAUVE",
            (
                f"{mauve['value']:.3f} of {mauve['rows']} rows a side ({mauve['low']:.3f} to {mauve['high']:.3f} over "
                f"{mauve['seeds']} seeds of k-means)"
            ),
        )


def _show_diversity(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    found = numbers["diversity"]
    columns = [(title, name) for title, name in MEASURES if name in found]
    yield "diversity", " ".join(f"{title:>10}" for title, _ in columns)
    real, matched = found["real"], found["matched"]
    sides = [("set", found)] if found["sample"] > real["sample"] else []
    for name, side in (*sides, ("set", matched), ("real", real)):
        yield f"  {side['sample']} {name}", " ".join(f"{_show_number(key, side[key]):>10}" for _, key in columns)


def _show_artefacts(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    found = numbers["artefacts"]
    shortcuts = [(title, found[name]) for name, title in SHORTCUTS if found[name]]
    if not shortcuts:
        return
    yield "guessed from", f"{'right':>8} {'on real':>8} {'best there':>10}   most frequent label {_majority(shortcuts)}"
    for title, shortcut in shortcuts:
        shares = [percent(shortcut[name]) for name in ("accuracy", "transfer", "real_accuracy")]
        yield f"  {title}", f"{shares[0]:>8} {shares[1]:>8} {shares[2]:>10}   {shortcut['rule'] or ''}"


def _show_leaks(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, leak in numbers["leaks"].items():
        if leak is not None:
            echoes = f"; {leak['echoes']} generated texts are real ones or nearly so" if "echoes" in leak else ""
            yield (
                f"found in {name}",
                (
                    f"{leak['pairs']} whole rows, {leak['sentences']} rows with a text of it "
                    f"({leak['held_sentences']} of its {leak['held']} rows have one){echoes}"
                ),
            )


def _show_judged(correct: Mapping[str, Any], judge: Mapping[str, Any]) -> str:
    agreed = f"the judge agrees with {percent(judge['agreement'])} of the labels"
    if correct["value"] is None:
        return f"unknown: this judge cannot tell; {agreed}"
    low, high = percent(judge["corrected_low"]), percent(judge["corrected_high"])
    split = _split_labels(correct)
    return f"{percent(correct['value'])} (from {low} to {high}), the judge's own mistakes allowed for{split}; {agreed}"


def _compare_labels(share: float, ours: Mapping[str, float | None], theirs: Mapping[str, float | None]) -> str:
    if not any([share, *theirs.values()]):
        return percent(share)
    each = ", ".join(f"{label} {percent(value)} (real {percent(theirs[label])})" for label, value in ours.items())
    return f"{percent(share)}: {each}"


def _split_labels(correct: Mapping[str, Any]) -> str:
    each = ", ".join(f"{label} {percent(value)}" for label, value in (correct.get("by_label") or {}).items())
    return f" ({each})" if each else ""


def _majority(shortcuts: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    return percent(shortcuts[0][1]["majority"])


def _show_number(key: str, value: float) -> str:
    return f"{value:.0f}" if key in ("words", "vocabulary") else f"{value:.3f}"


def _wrap(name: str, text: str, width: int) -> list[str]:
    """Return the text beside its name, wrapped to the width, with further lines indented below its beginning."""
    kept = text.replace(" %", "\N{NO-BREAK SPACE}%")  # a number and its unit stay together
    lines = textwrap.wrap(kept, max(20, width - NAME), break_long_words=False, break_on_hyphens=False)
    return [
        f"{name if place == 0 else '':{NAME}}{line}".replace("\N{NO-BREAK SPACE}", " ")
        for place, line in enumerate(lines)
    ]
