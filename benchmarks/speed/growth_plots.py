"""The plots of the growth benchmarks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from dawgen.files import write_with

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito's, told apart by the colour-blind


def draw_generation(milestones: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw cost per generated example, kept yield and memory over the number of kept examples."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    kept = [row["kept"] for row in milestones]
    panels = (
        ("cost", "cpu_ms_per_generated", "CPU ms per generated example", BLUE),
        ("yield", "yield", "share kept of those generated", ORANGE),
        ("memory", "rss_mb", "resident size, MB", GREEN),
    )
    for axes, (title, key, label, colour) in zip(figure.subplots(1, 3), panels, strict=True):
        values = [row[key] for row in milestones]
        axes.plot(kept, values, marker="o", color=colour)
        axes.set(title=title, xlabel="kept examples", ylabel=label, xscale="log")
        axes.set_ylim(0, 1 if key == "yield" else 1.25 * max(values))
        axes.grid(alpha=0.3)
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def draw_training(seconds: Mapping[int, Sequence[float]], steps: int, path: Path) -> None:
    """Draw the training time over the size of the synthetic set: median, lowest and highest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 3), layout="constrained")
    axes = figure.subplots()
    middle = [median(values) for values in seconds.values()]
    low = [m - min(values) for m, values in zip(middle, seconds.values(), strict=True)]
    high = [max(values) - m for m, values in zip(middle, seconds.values(), strict=True)]
    axes.errorbar(list(seconds), middle, yerr=[low, high], marker="o", capsize=4, color=BLUE)
    axes.set(xlabel="synthetic examples", ylabel=f"CPU s for {steps} steps", xscale="log")
    axes.set_ylim(0, 1.25 * max(m + h for m, h in zip(middle, high, strict=True)))
    axes.grid(alpha=0.3)
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def draw_labels(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw CPU time per kept example, memory, and what the forecast takes, over the number of labels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    labels = [row["labels"] for row in rows]
    panels = (
        ("cost", "CPU ms per kept example", {"cpu_ms_per_kept": ("writing", BLUE)}),
        ("memory", "largest resident size, MB", {"peak_mb": ("job", BLUE), "forecast_peak_mb": ("forecast", ORANGE)}),
        ("forecast", "s", {"forecast_s": ("forecast", ORANGE)}),
    )
    for axes, (title, label, lines) in zip(figure.subplots(1, 3), panels, strict=True):
        for key, (name, colour) in lines.items():
            axes.plot(labels, [row[key] for row in rows], marker="o", color=colour, label=name)
        axes.set(title=title, xlabel="labels", ylabel=label, xscale="log")
        axes.set_ylim(0, 1.25 * max(row[key] for key in lines for row in rows))
        axes.legend()
        axes.grid(alpha=0.3)
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def draw_lengths(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw the time of a training step over the length of texts, the prompt before the text and behind it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 3), layout="constrained")
    axes = figure.subplots()
    for key, name, colour in (("before_ms", "prompt before the text", BLUE), ("behind_ms", "behind it", ORANGE)):
        axes.plot([row["tokens"] for row in rows], [row[key] for row in rows], marker="o", color=colour, label=name)
    axes.set(xlabel="tokens of a text", ylabel="CPU ms of a training step")
    axes.set_ylim(0, 1.25 * max(max(row["before_ms"], row["behind_ms"]) for row in rows))
    axes.legend()
    axes.grid(alpha=0.3)
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))
