"""The charts of the gradient page: histogram of cosines, and curves over the steps, each group with the same look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dawgen.evaluate.gradients.numbers import Run, Series, list_values
from dawgen.report.plots import INK, Look, draw_svg, finish_axes, pick_look, smooth_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "synthetic": "synthetic",
    "second_real": "second real batch",
    "shuffled": "labels shuffled",
    "random": "random text",
    "after": "synthetic, after surgery",
}
LOOKS: dict[str, Look] = {group: pick_look(number) for number, group in enumerate(NAMES)}


def draw_histogram(shares: Mapping[str, Sequence[float]], *, key: str, title: str) -> str:
    """Return the share of each group's rows by cos, as steps."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        paint_histogram(axes, shares)
        figure.legend(loc="outside lower left", frameon=False, fontsize=8, ncols=2)

    return draw_svg(paint, key=key, title=title, height=3.0)


def paint_histogram(axes: Axes, shares: Mapping[str, Sequence[float]]) -> None:
    """Draw the histogram's steps and a line at 0, left of which rows fight the real gradient."""
    for group, values in shares.items():
        look = LOOKS[group]
        edges = np.linspace(-1, 1, len(values) + 1)
        axes.stairs(
            [100 * value for value in values],
            edges,
            color=look.colour,
            linestyle=look.dash,
            linewidth=1.5,
            label=NAMES[group],
        )
    axes.axvline(0, color=INK, linewidth=0.8, alpha=0.5)
    axes.set_xlim(-1, 1)
    axes.set_xticks((-1, -0.5, 0, 0.5, 1))
    axes.set_xlabel("cos with the real batch's gradient")
    axes.set_ylabel("rows (%)")
    finish_axes(axes)


def draw_steps(series: Mapping[str, Series], *, key: str, title: str, label: str, percent: bool = True) -> str:
    """Return running means over the steps, one line per group."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        paint_steps(axes, series, label=label, percent=percent)
        if len(series) > 1:
            figure.legend(loc="outside lower left", frameon=False, fontsize=8, ncols=2)

    return draw_svg(paint, key=key, title=title, height=3.0 if len(series) > 1 else 2.5)


def paint_steps(axes: Axes, series: Mapping[str, Series], *, label: str, percent: bool = True) -> None:
    """Draw the running mean of each group's values over the steps."""
    for group, values in series.items():
        look = LOOKS[group]
        smooth = smooth_values([100 * float(value) if percent else float(value) for value in values])
        axes.plot(
            range(1, len(smooth) + 1),
            smooth,
            color=look.colour,
            linestyle=look.dash,
            linewidth=1.7,
            label=NAMES[group],
        )
    if not percent:
        axes.axhline(0, color=INK, linewidth=0.8, alpha=0.4)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    finish_axes(axes)


def average_steps(runs: Sequence[Run], group: str, measure: str) -> Series:
    """Return a group's measure in each step, [S], the mean over runs."""
    values: Series = np.mean([list_values(run, group, measure) for run in runs], axis=0)
    return values
