"""What a report says of probabilities: whether they are right, and what is wrong among the surest answers.

Both come from the scores of the test rows in prompts/METHOD/predicted.json; a run from before there were any has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from dawgen.data import parse_fields
from dawgen.errors import DataError
from dawgen.report.plots import INK, Look, draw_svg, finish_axes, pick_look
from dawgen.report.run.metrics import RunMetrics
from dawgen.stats.reliability import BINS, list_bins
from dawgen.stats.risk import trace_risk
from dawgen.stats.temperature import apply_temperature

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS = 150  # of a curve: more cannot be seen
MOST_CURVES = 6  # of a chart
MARKED = (0.5, 0.7, 0.9)  # probabilities below which one might abstain
FIRST = 0.02  # share of rows from which on a risk is drawn: of fewer it is one row or none


@dataclass(frozen=True)
class Answers:
    """What a method answered to the test rows. scores: label log-probabilities [N,K] before a temperature. gold: label
    numbers [N]. temperature: None for a method that has none."""

    scores: NDArray[np.float64]
    gold: NDArray[np.int64]
    temperature: float | None = None

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the likeliest label is the right one, [N]."""
        return np.asarray(self.scores.argmax(1) == self.gold)

    def sure(self, temperature: float | None) -> NDArray[np.float64]:
        """Return the probability of the likeliest label, [N], at a temperature; None: without."""
        return np.asarray(np.exp(apply_temperature(self.scores, temperature or 1.0)).max(1))


def read_answers(folder: Path, metrics: RunMetrics) -> dict[str, Answers]:
    """Return the answers of a run's trained methods whose scores are there.

    Raises DataError for a damaged file.
    """
    found = {}
    for name, numbers in metrics.methods.items():
        path = folder / "prompts" / name / "predicted.json"
        if not numbers.trainable or not path.is_file():
            continue
        fields = parse_fields(path.read_bytes(), str(path))
        if "scores" in fields:
            found[name] = _check(path, fields, len(metrics.labels), numbers.temperature)
    return found


def draw_reliability(answers: Mapping[str, Answers], key: str) -> dict[str, Markup]:
    """Return a reliability diagram of each method, with the rows of each bin below it."""
    return {
        name: Markup(
            draw_svg(
                _Reliability(own), key=f"{key}-rel{number}", title=f"{name}: share right by probability", height=3.4
            )
        )
        for number, (name, own) in enumerate(answers.items())
    }


def draw_risk(answers: Mapping[str, Answers], key: str) -> dict[str, Markup]:
    """Return charts of the share of wrong answers over the share of rows that are answered, the surest first; at most
    `MOST_CURVES` methods in each."""
    names = list(answers)
    parts = [names[begin : begin + MOST_CURVES] for begin in range(0, len(names), MOST_CURVES)]
    return {
        ", ".join(part): Markup(
            draw_svg(
                _Risk({name: answers[name] for name in part}),
                key=f"{key}-risk{number}",
                title="wrong among the answered, by share answered",
                height=3.0,
            )
        )
        for number, part in enumerate(parts)
    }


@dataclass(frozen=True)
class _Reliability:
    """Paints one diagram: before the temperature and, where there is one, after."""

    answers: Answers

    def __call__(self, figure: Figure) -> None:
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        top.plot([0, 1], [0, 1], color=INK, linewidth=0.8, alpha=0.4)
        right, temperature = self.answers.right, self.answers.temperature
        shown = [("before", None)] if temperature in (None, 1.0) else [("before", None), ("after", temperature)]
        for place, (name, own) in enumerate(shown):
            look = pick_look(len(shown) - 1 - place)
            bins = list_bins(self.answers.sure(own), right)
            at = [one.sure for one in bins]
            top.plot(at, [one.right for one in bins], color=look.colour, linewidth=1.4, linestyle=look.dash, label=name)
            sizes = [12 + 90 * one.n / len(right) for one in bins]
            top.scatter(at, [one.right for one in bins], s=sizes, color=look.colour, marker=look.marker)
            _paint_counts(below, bins, look, place, len(shown))
        top.set_ylabel("share right")
        below.set_ylabel("rows")
        below.set_xlabel("probability of the likeliest label")
        for axes in (top, below):
            axes.set_xlim(0, 1.01)
            finish_axes(axes)
        top.set_ylim(0, 1.03)
        if len(shown) > 1:
            top.legend(frameon=False, fontsize=8, loc="upper left")


@dataclass(frozen=True)
class _Risk:
    """Paints one curve for each method."""

    answers: Mapping[str, Answers]

    def __call__(self, figure: Figure) -> None:
        axes, highest = figure.add_subplot(), 0.0
        for number, (name, own) in enumerate(self.answers.items()):
            look = pick_look(number)
            points = [point for point in trace_risk(own.sure(own.temperature), own.right) if point.coverage >= FIRST]
            shown = [points[place] for place in _thin(len(points))]
            highest = max([highest, *(point.risk for point in shown)])
            at = [point.coverage for point in shown]
            axes.plot(at, [p.risk for p in shown], color=look.colour, linestyle=look.dash, linewidth=1.6, label=name)
            for threshold in MARKED:
                above = [point for point in points if point.threshold >= threshold]
                if above:
                    end = above[-1]
                    axes.plot(end.coverage, end.risk, color=look.colour, marker=look.marker, markersize=5)
                    words = f"{threshold:g}"
                    axes.annotate(
                        words, (end.coverage, end.risk), (0, 5), textcoords="offset points", fontsize=7, ha="center"
                    )
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, max(0.05, highest * 1.2))
        axes.set_xlabel("share answered (the surest first)")
        axes.set_ylabel("share wrong of these")
        finish_axes(axes)
        if len(self.answers) > 1:
            axes.legend(frameon=False, fontsize=8)


def _paint_counts(axes: Axes, bins: Sequence[Any], look: Look, place: int, shown: int) -> None:
    width = 0.8 / BINS / shown
    at = [(one.low + one.high) / 2 + (place - (shown - 1) / 2) * width for one in bins]
    axes.bar(at, [one.n for one in bins], width=width, color=look.colour)


def _thin(count: int) -> list[int]:
    """Return at most `MOST_POINTS` places of `count`, evenly spread, the last among them."""
    if count <= MOST_POINTS:
        return list(range(count))
    return [round(place * (count - 1) / (MOST_POINTS - 1)) for place in range(MOST_POINTS)]


def _check(path: Path, fields: Mapping[str, Any], labels: int, temperature: float | None) -> Answers:
    try:
        answers = Answers(np.array(fields["scores"], dtype=float), np.array(fields["gold"], dtype=int), temperature)
        sound = answers.scores.shape == (len(answers.gold), labels) and bool(np.isfinite(answers.scores).all())
        sound = sound and len(answers.gold) > 0 and set(answers.gold.tolist()) <= set(range(labels))
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise DataError(f"{path}: expected gold labels and scores of each label for each row; the file is damaged.")
    return answers
