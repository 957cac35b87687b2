"""Findings, tables and map of the break points from the grid's results.csv alone, as docs/breakpoints.md shows them.

python -m experiments.pages.breakpoints --csv experiments/results/breakpoints.csv
python -m experiments.pages.breakpoints --csv experiments/results/breakpoints.csv --into docs/breakpoints.md \\
    --figure docs/images/breakpoints.png

A page has a block for each text: <!-- KEY --> ... <!-- /KEY -->. The file does not say which test rows were right, so
that intervals of crossings are of redrawn seeds alone; the verb's own page redraws the test rows too.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dawgen.bench.gains import Field
from dawgen.evaluate.breakpoints.study import Study, study_grid
from dawgen.evaluate.breakpoints.tables import make_tables
from dawgen.evaluate.breakpoints.text import list_cautions, list_sentences
from dawgen.files import write_with
from dawgen.report.grid.arms import Arm
from dawgen.report.table.core import Table
from dawgen.report.table.text import write_points
from experiments.pages.blocks import show_blocks
from experiments.pages.mini_tables import read_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEEP = 20.0  # points at which a tile has its full colour


def main() -> None:
    """Print the blocks, or put them into a page, and draw the map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--into", type=Path, help="a page whose blocks are filled")
    parser.add_argument("--figure", type=Path, help="where the map goes, a PNG")
    options = parser.parse_args()
    study = study_grid(read_csv(options.csv))
    show_blocks(make_blocks(study), options.into)
    if options.figure is not None:
        draw_map(study, options.figure)


def make_blocks(study: Study) -> dict[str, Table | str]:
    """Return every block by its key: "findings", and the tables."""
    lines = [
        f"**{title}**\n\n" + "\n".join(f"- {text}" for text in texts) for title, texts in list_sentences(study).items()
    ]
    cautions = "".join(f"\n{text}\n" for text in list_cautions(study))
    findings = {"findings": "\n\n".join(lines) + "\n" + cautions}
    return findings | {table.key: table for one in study.fields for table in make_tables(study, one)}


def draw_map(study: Study, path: Path) -> None:
    """Draw the gains of every arm, a row of maps per task and target: shots by synthetic examples per real one."""
    from matplotlib.figure import Figure

    arms = sorted({arm for one in study.fields for arm in one.arms}, key=lambda arm: arm.place)
    figure = Figure(figsize=(2.05 * len(arms) + 0.8, 2.1 * len(study.fields) + 0.5), layout="constrained")
    panels = figure.subplots(len(study.fields), len(arms), squeeze=False)
    for line, one in zip(panels, study.fields, strict=True):
        for axes, arm in zip(line, arms, strict=True):
            _paint(axes, study, one, arm)
            axes.set_title(arm.name.removeprefix("dawgen/"), fontsize=8)
        line[0].set_ylabel(f"{one.task}, {one.target}\nsynthetic per real one", fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("shots per label", fontsize=8)
    figure.suptitle(
        f"Points of accuracy over {study.fields[0].baseline.name}; framed: beyond seed noise (95 %, unadjusted)",
        fontsize=9,
    )
    write_with(path, lambda temporary: figure.savefig(temporary, format="png", dpi=110))


def _paint(axes: "Axes", study: Study, one: Field, arm: Arm) -> None:
    from matplotlib.patches import Rectangle

    rows = list(reversed(one.multiples))
    for y, multiple in enumerate(rows):
        for x, shots in enumerate(one.shots):
            point = study.get_point(one, arm, shots, multiple)
            if point is None:
                continue
            depth = max(-1.0, min(1.0, 100 * point.mean / DEEP))
            colour = (0.0, 0.45, 0.70, 0.75 * depth) if depth > 0 else (0.84, 0.37, 0.0, -0.75 * depth)
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1))
            sure = point.find_way(study.least) != 0
            if sure:
                axes.add_patch(Rectangle((x - 0.42, y - 0.4), 0.84, 0.8, fill=False, edgecolor="black", linewidth=1.3))
            weight = "bold" if sure else "normal"
            axes.text(x, y, write_points(point.mean), ha="center", va="center", fontsize=7.5, fontweight=weight)
    axes.set_xlim(-0.5, len(one.shots) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(one.shots)), [str(shots) for shots in one.shots], fontsize=8)
    axes.set_yticks(range(len(rows)), [str(multiple) for multiple in rows], fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    main()
