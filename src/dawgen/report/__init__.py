"""The report: one self-contained HTML page about runs or a grid, a pure function of their files."""

from dawgen.report.grid_page import render_grid
from dawgen.report.page import render_report, write_report
from dawgen.report.reports import make_report

__all__ = ["make_report", "render_grid", "render_report", "write_report"]
