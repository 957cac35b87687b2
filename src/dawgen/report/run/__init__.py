"""The page and the tables of runs.

In use:

    from dawgen.report.run.page import render_report
    page = render_report([Path("runs/first"), Path("runs/second")])
"""
