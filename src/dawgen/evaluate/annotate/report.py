"""The report of a session: as JSON values, and as tables in plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dawgen.evaluate.annotate.controls import FAULTS
from dawgen.evaluate.annotate.gains import correlate_gains, read_gains
from dawgen.evaluate.annotate.questions import QUESTIONS, Question
from dawgen.evaluate.annotate.sample import REAL
from dawgen.evaluate.annotate.scores import (
    average_sets,
    describe_agreement,
    describe_annotators,
    name_source,
    score_sources,
)
from dawgen.evaluate.annotate.session import Session

Line = Sequence[str]


def describe_session(folder: Path, gains: Path | None = None) -> dict[str, Any]:
    """Return the results of a session: annotators, scores, agreement, correlation with gains, and warnings.

    gains: a CSV or a grid's folder (see gains.py). Raises DataError for a damaged session or file of gains.
    """
    session = Session.open(folder)
    answers, seed = session.ratings.read(), session.settings["seed"]
    scores = score_sources(session.items, answers, seed)
    sets = session.settings["sets"]
    means = average_sets(scores, list(sets))
    numbers = {
        "task": session.task,
        "items": dict(sorted(Counter(map(name_source, session.items)).items())),
        "sets": {name: facts["rows"] for name, facts in sets.items()},
        "annotators": describe_annotators(session.items, answers),
        "scores": scores,
        "agreement": describe_agreement(session.items, answers, seed),
        "correlation": None if gains is None else correlate_gains(means, read_gains(gains, sets)),
    }
    return numbers | {"warnings": find_warnings(numbers)}


def find_warnings(numbers: Mapping[str, Any]) -> list[str]:
    """Return the warnings that belong to the numbers."""
    found = []
    for name, person in numbers["annotators"].items():
        if person["attentive"] is False:
            found.append(
                f"{name} caught only {person['caught']} of {person['controls_rated']} control rows: look at these "
                "answers before you rely on them."
            )
        if (done := person["rated"] + person["skipped"]) < person["of"]:
            found.append(f"{name} has rated {done} of {person['of']} rows.")
    if len(numbers["annotators"]) == 1:
        found.append("One annotator only: nothing says how far another would agree.")
    return found


def format_session(numbers: Mapping[str, Any]) -> str:
    """Return the report as plain text."""
    if not numbers["annotators"]:
        return "Nobody has rated a row yet.\n"
    parts = [
        format_table("Annotators (controls: rows that are wrong on purpose)", _list_annotators(numbers)),
        format_table("Mean over rows, with 95 % interval over rows", _list_scores(numbers, "mean")),
        format_table("Gap to the real rows; of the label in points", _list_scores(numbers, "gap")),
    ]
    if len(numbers["annotators"]) > 1:
        title = "Agreement, without the controls: alpha with 95 % interval; kappa weighted by squares but for the label"
        parts.append(format_table(title, _list_agreement(numbers)))
    if numbers["correlation"] is not None:
        parts.append(_format_correlation(numbers["correlation"]))
    notes = "".join(f"Note: {text}\n" for text in numbers["warnings"])
    return "\n".join([*parts, notes] if notes else parts)


def format_table(title: str, rows: Sequence[Line]) -> str:
    """Return rows under a title, the first of them as header, columns as wide as their longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([title, lines[0], "  ".join("-" * width for width in widths), *lines[1:]]) + "\n"


def _list_annotators(numbers: Mapping[str, Any]) -> list[Line]:
    faults = [fault for fault in FAULTS if any(fault in p["controls"] for p in numbers["annotators"].values())]
    rows: list[Line] = [("annotator", "rated", "skipped", "seconds a row", "controls caught", *faults)]
    for name, person in numbers["annotators"].items():
        seconds = "-" if person["seconds"] is None else f"{person['seconds']:.1f}"
        counts = [person["controls"].get(fault) for fault in faults]
        rows.append(
            (
                name,
                f"{person['rated']} of {person['of']}",
                str(person["skipped"]),
                seconds,
                f"{person['caught']} of {person['controls_rated']}",
                *("-" if count is None else f"{count['caught']}/{count['of']}" for count in counts),
            )
        )
    return rows


def _list_scores(numbers: Mapping[str, Any], part: str) -> list[Line]:
    """Return a row per source and a column per question. part: "mean", or "gap" (not for the real rows)."""
    scores = numbers["scores"]
    sources = dict.fromkeys(source for question in QUESTIONS for source in scores[question.name])
    rows: list[Line] = [("source", "rows", *(question.name + _name_unit(question) for question in QUESTIONS))]
    for source in sources if part == "mean" else [source for source in sources if source != REAL]:
        found = [(question, scores[question.name].get(source)) for question in QUESTIONS]
        cells = [_show_score(score, part, question.is_scale) for question, score in found]
        rows.append((source, str(max(score["items"] for _, score in found if score)), *cells))
    return rows


def _name_unit(question: Question) -> str:
    return "" if question.is_scale else " yes"


def _show_score(score: Mapping[str, Any] | None, part: str, scale: bool) -> str:
    if score is None or score[part] is None:
        return "-"
    if part == "gap":
        return _show(score["gap"]["value"], score["gap"], scale, signed=True)
    return _show(score["mean"], score, scale)


def _list_agreement(numbers: Mapping[str, Any]) -> list[Line]:
    rows: list[Line] = [("question", "rows", "alpha", "level", "pair", "kappa", "same answer")]
    for question in QUESTIONS:
        found = numbers["agreement"][question.name]
        first: Line = (question.name, str(found["items"]), _show(found["alpha"], found), found["level"])
        for pair in found["pairs"]:
            same = "-" if pair["same"] is None else f"{pair['same']:.0%} of {pair['items']}"
            kappa = "-" if pair["kappa"] is None else f"{pair['kappa']:.2f}"
            rows.append((*first, " + ".join(pair["annotators"]), kappa, same))
            first = ("", "", "", "")
    return rows


def _format_correlation(found: Mapping[str, Any]) -> str:
    if found["text"]:
        return f"Ratings and gain: {found['text']}.\n"
    rows: list[Line] = [("question", "Pearson", "Spearman")]
    for question, values in found["questions"].items():
        cells = [values[name] for name in ("pearson", "spearman")]
        rows.append((question, *("-" if cell is None else _show(cell["value"], cell, signed=True) for cell in cells)))
    return format_table(f"Mean rating and gain over {len(found['sets'])} sets, with 95 % intervals", rows)


def _show(value: float | None, interval: Mapping[str, Any], scale: bool = True, *, signed: bool = False) -> str:
    """Return a number and its interval; shares in percent."""
    if value is None:
        return "-"
    sign = "+" if signed else ""
    low, high = interval["low"], interval["high"]

    def write(number: float) -> str:
        return f"{number:{sign}.2f}" if scale else f"{100 * number:{sign}.0f}{'' if signed else '%'}"

    return write(value) + ("" if low is None else f" [{write(low)}, {write(high)}]")
