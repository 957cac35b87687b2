"""The report: one self-contained HTML page about one or more runs, a pure function of the run's files."""

from dawgen.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
