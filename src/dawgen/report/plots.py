"""Charts as inline SVG: the same numbers give the same bytes, and the page's colours apply in light, dark and print.

Colours follow Okabe and Ito's hues (blue, orange, green, purple, yellow or brown, and the text's own colour), lighter
on dark and darker on light: at least 3 to 1 against the page, and apart for every common colour vision. A series is
never told by its colour alone: markers and dashes differ too.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"  # stands for the page's text colour until the SVG is written
# What the SVG says in each colour's place: variables of style.css, which hold these very values for light pages.
LIGHT = ("#0066b8", "#d86a00", "#1a9c70", "#b1308a", "#5f4300")
DARK = ("#3d93d8", "#e06a20", "#4fd8a0", "#b06a98", "#f0d848")
COLOURS = (*LIGHT, INK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "dawgen",
    "svg.fonttype": "none",
    "text.parse_math": False,  # names may hold dollar signs
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
class Look:
    """How one series is drawn everywhere in a page."""

    colour: str
    marker: str
    dash: Any


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of values over steps, drawn as running mean; `faint` shows the values themselves behind it."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    faint: bool = True


def pick_look(number: int) -> Look:
    """Return the look of the series of this number.

    No two of the first 42 share colour and marker, and neighbours of one colour differ in marker and dashes.
    """
    return Look(
        COLOURS[number % len(COLOURS)],
        MARKERS[number % len(MARKERS)],
        DASHES[(number % len(COLOURS) + number // len(COLOURS)) % len(DASHES)],
    )


def draw_curves(curves: Sequence[Curve], *, key: str, label: str, zero: bool = False, title: str = "") -> str:
    """Return an SVG element with one line per curve over the steps.

    key: makes the element's ids unique in the page; label: what the y axis shows; zero: draw a line at y = 0; title:
    what a screen reader says of the chart.
    """

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        if zero:
            axes.axhline(0, color=INK, linewidth=0.8, alpha=0.4)
        for number, curve in enumerate(curves):
            look = pick_look(number)
            if curve.faint:
                axes.plot(curve.steps, curve.values, color=look.colour, linewidth=0.8, alpha=0.3)
            smooth = smooth_values(curve.values)
            axes.plot(curve.steps, smooth, color=look.colour, linestyle=look.dash, linewidth=1.8, label=curve.name)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        finish_axes(axes)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)

    return draw_svg(paint, key=key, title=title or label)


def smooth_values(values: Sequence[float]) -> list[float]:
    """Return the centred running mean over about a tenth of the values; windows shrink at the ends."""
    half = math.ceil(len(values) / 20)
    windows = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def draw_svg(paint: Callable[[Figure], None], *, key: str, title: str, width: float = 4.6, height: float = 2.5) -> str:
    """Return the figure that `paint` fills as an SVG element of that size in inches (72 units each)."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        # the browser has the letters that the layout's font may lack
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()  # a user's own matplotlibrc must not change the page
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return _embed(stream.getvalue().decode(), key, title)


def finish_axes(axes: Axes, grid: str = "both") -> None:
    """Give the axes a light grid and no box; grid: "x", "y" or "both"."""
    axes.grid(color=INK, alpha=0.12, linewidth=0.6, axis=grid)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _embed(svg: str, key: str, title: str) -> str:
    """Remove what only a separate SVG file needs, make ids unique, and use the page's colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{key}-", svg).replace("xlink:href", "href")
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1).replace(INK, "currentColor")
    for number, colour in enumerate(LIGHT, 1):
        svg = svg.replace(colour, f"var(--c{number})")
    return svg.strip()
