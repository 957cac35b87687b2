"""The charts of a grid: methods with intervals, accuracy over sizes, and means of the training logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from dawgen.report.grid.arms import Arm, name_family
from dawgen.report.grid.series import CURVES, Mean, Sizes
from dawgen.report.plots import COLOURS, INK, MARKERS, Curve, Look, draw_svg, finish_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def split_arms(arms: Sequence[Arm], most: int) -> list[list[Arm]]:
    """Return the arms in order, in parts of at most `most`; small families share a part, large ones are cut evenly."""
    parts: list[list[Arm]] = []
    for _, group in groupby(arms, key=lambda arm: name_family(arm.method)):
        family = list(group)
        if len(family) > most:
            count = -(-len(family) // most)
            bounds = [len(family) * place // count for place in range(count + 1)]
            parts += [family[low:high] for low, high in pairwise(bounds)]
        elif parts and len(parts[-1]) + len(family) <= most:
            parts[-1] += family
        else:
            parts.append(family)
    return parts


def draw_dots(
    points: Mapping[str, Mapping[Arm, Mean]],
    arms: Sequence[Arm],
    *,
    key: str,
    title: str,
    span: tuple[float, float],
    majority: float | None = None,
) -> str:
    """Return one line per arm with a mark per target: mean, 95 % interval over seeds, and each seed as a stroke.

    points: by target and arm; span: both ends of the axis, shares; majority: accuracy of the most frequent label.
    """
    heights = _place_arms(arms)
    bottom = max(heights.values())

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        if majority is not None:
            axes.axvline(100 * majority, color=INK, linewidth=0.9, linestyle=(0, (1.2, 1.6)), alpha=0.7)
            handle = axes.plot([], [], color=INK, linewidth=0.9, linestyle=(0, (1.2, 1.6)), alpha=0.7)
            handles, names = handle, ["most frequent label"]
        else:
            handles, names = [], []
        for number, (target, means) in enumerate(points.items()):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            offset = 0.36 * (number - (len(points) - 1) / 2) / max(1, len(points) - 1) if len(points) > 1 else 0.0
            for arm in arms:
                if arm in means:
                    _draw_dot(axes, means[arm], heights[arm] + offset, colour, marker)
            handles += axes.plot([], [], color=colour, marker=marker, markersize=5, linewidth=1.4)
            names.append(target)
        axes.set_yticks([heights[arm] for arm in arms], [arm.name for arm in arms])
        axes.set_ylim(bottom + 0.7, -0.7)
        axes.set_xlim(100 * span[0], 100 * span[1])
        axes.set_xlabel("accuracy (%)")
        finish_axes(axes)
        axes.tick_params(axis="y", length=0)
        figure.legend(handles, names, loc="outside upper left", frameon=False, fontsize=8, ncols=3)

    return draw_svg(paint, key=key, title=title, height=0.95 + 0.2 * (bottom + 1))


def draw_sizes(sizes: Sizes, arms: Sequence[Arm], looks: Mapping[Arm, Look], *, key: str, title: str) -> str:
    """Return accuracy over shots or multiples on a logarithmic axis, with 95 % intervals over seeds."""
    label = "real examples per label" if sizes.varied == "shots" else "synthetic examples per real one"

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number, arm in enumerate(arms):
            # intervals beside each other, not upon each other
            shift = 1 + 0.05 * (number - (len(arms) - 1) / 2)
            look, means = looks[arm], sizes.series[arm]
            paint_means(axes, [mean.x * shift for mean in means], means, look, arm.name)
        ticks = sorted({mean.x for arm in arms for mean in sizes.series[arm]})
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel(label)
        axes.set_ylabel("accuracy (%)")
        finish_axes(axes)
        axes.legend(frameon=False, fontsize=8)

    return draw_svg(paint, key=key, title=title, height=2.9)


def draw_training(curves: Mapping[Arm, Curve], field: str, looks: Mapping[Arm, Look], *, key: str, title: str) -> str:
    """Return one line per arm of a logged field over the steps."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        if field == "cos":
            axes.axhline(0, color=INK, linewidth=0.8, alpha=0.4)
        handles = []
        for arm, curve in curves.items():
            look = looks[arm]
            handles += axes.plot(
                curve.steps,
                curve.values,
                color=look.colour,
                marker=look.marker,
                markevery=max(1, len(curve.steps) // 5),
                markersize=4,
                linestyle=look.dash,
                linewidth=1.4,
            )
        axes.set_xlabel("step")
        axes.set_ylabel(CURVES[field][1])
        finish_axes(axes)
        # below the chart: lines of many methods leave no free corner
        names = [arm.name for arm in curves]
        figure.legend(handles, names, loc="outside lower left", frameon=False, fontsize=7.5, ncols=2)

    return draw_svg(paint, key=key, title=title, height=2.5 + 0.16 * -(-len(curves) // 2))


def find_span(means: Sequence[Mean], majority: float | None) -> tuple[float, float]:
    """Return both ends of an axis in [0, 1] that holds all seeds and intervals, in steps of 5 points."""
    values = [value for mean in means for value in (*mean.values, *(mean.interval or ()))]
    values += [] if majority is None else [majority]
    low, high = min(values), max(values)
    return max(0.0, int(20 * low - 0.2) / 20), min(1.0, (int(20 * high + 0.2) + 1) / 20)


def _draw_dot(axes: Axes, mean: Mean, height: float, colour: str, marker: str) -> None:
    axes.plot(
        _percent(mean.values),
        [height] * len(mean.values),
        color=colour,
        linestyle="none",
        marker="|",
        markersize=6,
        markeredgewidth=1,
        alpha=0.7,
    )
    if mean.interval is not None:
        axes.plot(_percent(mean.interval), [height, height], color=colour, linewidth=1.4)
    axes.plot([100 * mean.mean], [height], color=colour, marker=marker, markersize=5)


def _place_arms(arms: Sequence[Arm]) -> dict[Arm, float]:
    """Return the height of each arm: 1 apart, and half more between families."""
    heights: dict[Arm, float] = {}
    height = 0.0
    for number, arm in enumerate(arms):
        height += (
            0.0 if number == 0 else 1.0 if name_family(arm.method) == name_family(arms[number - 1].method) else 1.5
        )
        heights[arm] = height
    return heights


def paint_means(axes: Axes, places: Sequence[float], means: Sequence[Mean], look: Look, name: str) -> None:
    """Draw a line through means at the places, in percent, with their intervals."""
    for place, mean in zip(places, means, strict=True):
        if mean.interval is not None:
            axes.plot([place, place], _percent(mean.interval), color=look.colour, linewidth=1.1, alpha=0.75)
    axes.plot(
        places,
        _percent([mean.mean for mean in means]),
        color=look.colour,
        marker=look.marker,
        linestyle=look.dash,
        markersize=5,
        linewidth=1.6,
        label=name,
    )


def _percent(shares: Sequence[float]) -> list[float]:
    return [100 * share for share in shares]
