"""Line plots as inline SVG: the same numbers give the same bytes, and the page's colours apply in light and dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INK = "#010203"  # stands for the page's text colour until the SVG is written
COLOURS = ("#3b82c4", "#e0873a", "#3fa37b", "#b565c4")  # readable on white and on near-black
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "dawgen",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of values over steps, drawn as running mean; `faint` shows the values themselves behind it."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    faint: bool = True


def draw_curves(curves: Sequence[Curve], *, key: str, label: str, zero: bool = False) -> str:
    """Return an SVG element with one line per curve over the steps.

    key: makes the element's ids unique in the page; label: what the y axis shows; zero: draw a line at y = 0.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own matplotlibrc must not change the page
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=(4.6, 2.5), layout="constrained")
        axes = figure.add_subplot()
        if zero:
            axes.axhline(0, color=INK, linewidth=0.8, alpha=0.4)
        for curve, colour in zip(curves, COLOURS, strict=False):
            if curve.faint:
                axes.plot(curve.steps, curve.values, color=colour, linewidth=0.8, alpha=0.3)
            axes.plot(curve.steps, smooth_values(curve.values), color=colour, linewidth=1.8, label=curve.name)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.grid(color=INK, alpha=0.12, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return _embed(stream.getvalue().decode(), key)


def smooth_values(values: Sequence[float]) -> list[float]:
    """Return the centred running mean over about a tenth of the values; windows shrink at the ends."""
    half = math.ceil(len(values) / 20)
    windows = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def _embed(svg: str, key: str) -> str:
    """Take what only stands-alone files need, make ids unique, and let text and axes have the page's colour."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{key}-", svg).replace("xlink:href", "href")
    return svg.replace(INK, "currentColor").strip()
