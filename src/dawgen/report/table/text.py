"""Numbers as text in the cells of tables: shares in percent, differences in points, "-" for unknown."""

from __future__ import annotations

from collections.abc import Sequence

from dawgen.stats import describe, find_t_interval

Interval = tuple[float, float] | None


def write_mean(values: Sequence[float], *, most: int | None = None) -> str:
    """Return mean ± deviation [95 % interval of the mean], e.g. "62.4 ± 3.1 [58.5, 66.3]", of shares.

    most: where there are fewer values, their number follows in brackets.
    """
    interval = find_t_interval(values)
    if interval is not None:
        interval = max(0.0, interval[0]), min(1.0, interval[1])
    few = f" ({len(values)})" if values and most is not None and len(values) < most else ""
    return f"{describe(values)}{write_interval(interval)}{few}"


def write_interval(interval: Interval, *, signed: bool = False) -> str:
    """Return " [58.5, 66.3]", or nothing."""
    if interval is None:
        return ""
    low, high = (write_points(value) if signed else f"{100 * value:.1f}" for value in interval)
    return f" [{low}, {high}]"


def write_points(gap: float) -> str:
    """Return a difference with its sign, e.g. "+3.2"."""
    return f"{100 * gap:+z.1f}"


def write_share(share: float | None) -> str:
    """Return a share in percent."""
    return "-" if share is None else f"{100 * share:.1f}"


def write_range(values: Sequence[int]) -> str:
    """Return "6", or "6-12" where they differ, or "-" for none."""
    if not values:
        return "-"
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"


def count_synthetic(multiple: float) -> str:
    """Return the size of a synthetic set in words."""
    return f"{multiple} synthetic {'example' if multiple == 1 else 'examples'} per real one"


def write_slug(text: str) -> str:
    """Return letters, digits and single hyphens, for file names and anchors."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split())
