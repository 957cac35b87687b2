"""The charts of a study: accuracy and gains over shots, accuracy over multiples, for one arm each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dawgen.bench.gains import Field
from dawgen.evaluate.breakpoints.study import Study
from dawgen.report.grid.arms import Arm
from dawgen.report.grid.plots import paint_means
from dawgen.report.grid.series import Mean, average
from dawgen.report.plots import INK, draw_svg, finish_axes, pick_look
from dawgen.report.table.text import write_slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 3.0  # points of accuracy that are shown beyond the outermost seed
SHIFT = 0.09  # between the lines' intervals, in steps of the axis


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart. means: by the place of their size on the axis."""

    name: str
    means: Mapping[int, Mean]


def draw_arm(study: Study, one: Field, arm: Arm) -> dict[str, str]:
    """Return the charts of an arm by name, as SVG: those that have at least two sizes to join."""
    where = f"{one.task} on {one.target}: {arm.name}"
    key = f"{write_slug(one.task)}-{write_slug(one.target)}-{write_slug(arm.name)}"
    shots, multiples = one.shots, [0, *one.multiples]
    charts = {
        "accuracy": ("Accuracy over shots", shots, _list_accuracy(one, arm), "accuracy (%)"),
        "gain": ("Gain of synthetic data over shots", shots, _list_gains(study, one, arm, "synthetic"), "points"),
        "surgery": ("Gain of surgery over shots", shots, _list_gains(study, one, arm, "surgery"), "points"),
        "multiple": ("Accuracy over synthetic examples", multiples, _list_multiples(one, arm), "accuracy (%)"),
    }
    return {
        title: draw_lines(lines, sizes, name=name, label=label, key=f"{key}-{name}", title=f"{where}: {title}")
        for name, (title, sizes, lines, label) in charts.items()
        if any(len(line.means) > 1 for line in lines)
    }


def draw_lines(lines: Sequence[Line], sizes: Sequence[int], *, name: str, label: str, key: str, title: str) -> str:
    """Return lines over sizes, evenly spaced, with 95 % intervals over seeds; the axis holds all seeds, and intervals
    that leave it are cut. name: "gain" and "surgery" have a line at 0."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        if name in ("gain", "surgery"):
            axes.axhline(0, color=INK, linewidth=0.8, alpha=0.5)
        for number, line in enumerate(lines):
            shift = SHIFT * (number - (len(lines) - 1) / 2)
            means = list(line.means.values())
            paint_means(axes, [place + shift for place in line.means], means, pick_look(number), line.name)
        seen = [100 * value for line in lines for mean in line.means.values() for value in mean.values]
        axes.set_ylim(min(seen) - MARGIN, max(seen) + MARGIN)
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.set_xlabel("synthetic examples per real one" if name == "multiple" else "real examples per label")
        axes.set_ylabel(label)
        finish_axes(axes)
        figure.legend(loc="outside lower left", frameon=False, fontsize=8, ncols=3)

    return draw_svg(paint, key=key, title=title, height=2.9)


def _list_accuracy(one: Field, arm: Arm) -> list[Line]:
    found = [Line(one.baseline.name, _average(one, [(n, one.baseline, None) for n in one.shots]))]
    found += [Line(f"{times}x", _average(one, [(n, arm, times) for n in one.shots])) for times in one.multiples]
    return [line for line in found if line.means]


def _list_multiples(one: Field, arm: Arm) -> list[Line]:
    found = []
    for shots in one.shots:
        sizes = [(shots, one.baseline, None), *((shots, arm, multiple) for multiple in one.multiples)]
        found.append(Line(f"{shots} shots", _average(one, sizes)))
    return [line for line in found if line.means]


def _average(one: Field, sizes: Sequence[tuple[int, Arm, int | None]]) -> dict[int, Mean]:
    rows = [one.get_rows(arm, shots, multiple) for shots, arm, multiple in sizes]
    return {
        place: average([row.accuracy for row in found.values()], place) for place, found in enumerate(rows) if found
    }


def _list_gains(study: Study, one: Field, arm: Arm, question: str) -> list[Line]:
    places = {size: place for place, size in enumerate(one.shots)}
    ends = study.pick("surgery" if question == "surgery" else "synthetic", one)
    return [
        Line(
            f"{found.series.held}x",
            {
                places[point.size]: Mean(point.size, point.mean, point.interval, tuple(point.gaps.values()))
                for point in found.series.points
            },
        )
        for found in ends
        if found.series.arm == arm
    ]
