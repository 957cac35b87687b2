"""The figure of docs/evidence.md: accuracy by each swept setting of finished grids, and by their synthetic rows.

python -m experiments.pages.sensitivity runs/sensitivity runs/sensitivity_sizes --plot docs/images/sensitivity.png

`dawgen bench --grid sensitivity --show` says how the grids are run. The tables are in the grids' own reports.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from dawgen.files import write_with
from dawgen.report.grid.files import Grid, GridRow, read_grid

COLOURS = {"prompt_tuning": ("#D55E00", "s"), "dawgen": ("#0072B2", "o")}  # Okabe and Ito's
COLUMNS = 4
DEFAULT_ROWS = 300  # of each label, in sensitivity.yaml
AXES = {  # what an axis says of a setting, in the order of the panels
    "target.lr": "target's learning rate",
    "target.steps": "target's steps",
    "target.batch_size": "rows of each source per step",
    "target.prompt_length": "prompt length, tokens",
    "target.epsilon": "epsilon, synthetic weight",
    "per_label": "synthetic rows per label",
    "generator.lr": "generator's learning rate",
    "decode.contrast": "gamma of contrastive decoding",
    "curate.posterior_margin": "posterior margin, nats",
}


@dataclass
class Panel:
    """One setting: accuracies by arm and value, a number for each seed; default: the value that it has otherwise."""

    name: str
    default: Any
    arms: dict[str, dict[float, list[float]]] = field(default_factory=dict)

    @property
    def values(self) -> list[float]:
        """The values that any arm has, growing."""
        return sorted({value for found in self.arms.values() for value in found})

    def add(self, row: GridRow, value: float) -> None:
        """Count a row at a value."""
        self.arms.setdefault(row.arm.name, {}).setdefault(value, []).append(row.accuracy)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grids", nargs="+", type=Path, help="folders of dawgen bench")
    parser.add_argument("--plot", type=Path, required=True, help="a PNG file")
    options = parser.parse_args(arguments)
    draw_panels(collect_panels([read_grid(folder) for folder in options.grids]), options.plot)


def collect_panels(grids: Sequence[Grid]) -> list[Panel]:
    """Return the panels of all settings that were swept alone, and of the rows where a grid has several multiples."""
    found: dict[str, Panel] = {}
    for grid in grids:
        for row in grid.variants:
            if len(row.sweep) == 1 and not row.data:
                ((name, value),) = row.sweep.items()
                found.setdefault(name, Panel(name, grid.swept.get(name))).add(row, value)
        sized = [row for row in grid.rows if row.multiple is not None and row.shots is not None]
        if len({row.multiple for row in sized}) > 1:
            for row in sized:
                panel = found.setdefault("per_label", Panel("per_label", DEFAULT_ROWS))
                panel.add(row, round((row.multiple or 0) * (row.shots or 0)))
    order = list(AXES)
    return sorted(found.values(), key=lambda one: order.index(one.name) if one.name in order else len(order))


def draw_panels(panels: Sequence[Panel], path: Path) -> None:
    """Draw mean and standard deviation over seeds at every value, the default on a grey band."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(max(2.05 * columns, 4.1), 2.15 * rows + 0.4), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    handles: dict[str, Any] = {}
    for axes, panel in zip(places, panels, strict=False):
        _draw_panel(axes, panel, handles)
    for axes in places[::columns]:
        axes.set_ylabel("accuracy, %", fontsize=8)
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    order = [name for name in ("dawgen", "prompt_tuning", "default") if name in handles]
    title = "mean ± standard deviation over seeds; values as tried, not to scale"
    shown = [handles[name] for name in order]
    figure.legend(
        shown, order, loc="outside upper center", ncols=3, frameon=False, fontsize=9, title=title, title_fontsize=8
    )
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def _draw_panel(axes: Any, panel: Panel, handles: dict[str, Any]) -> None:
    values = panel.values
    if panel.default in values:
        place = values.index(panel.default)
        handles["default"] = axes.axvspan(place - 0.35, place + 0.35, color="#000000", alpha=0.1, linewidth=0)
    for arm, (colour, mark) in COLOURS.items():
        numbers: Mapping[float, list[float]] = panel.arms.get(arm, {})
        found = {values.index(value): [100 * number for number in numbers[value]] for value in sorted(numbers)}
        if found:
            handles[arm] = axes.errorbar(
                list(found),
                [fmean(column) for column in found.values()],
                yerr=[stdev(column) if len(column) > 1 else 0.0 for column in found.values()],
                color=colour,
                marker=mark,
                markersize=4,
                linewidth=1.3,
                elinewidth=0.9,
                capsize=2,
            )
    axes.set_xticks(range(len(values)), [f"{value:g}".removeprefix("0") or "0" for value in values], fontsize=8)
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.set_xlabel(AXES.get(panel.name, panel.name), fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
