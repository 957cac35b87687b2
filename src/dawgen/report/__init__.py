"""The report: one self-contained HTML page about runs or a grid, a pure function of their files.

In use:

    from dawgen.report import write_report
    write_report([Path("runs/first")], Path("report.html"))
"""

from dawgen.report.grid.page import render_grid
from dawgen.report.reports import make_report
from dawgen.report.run.page import render_report, write_report

__all__ = ["make_report", "render_grid", "render_report", "write_report"]
