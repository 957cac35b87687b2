"""The page and the tables of a grid, pure functions of its results.

In use:

    from dawgen.report.grid.page import render_grid
    page = render_grid(Path("grid"))
"""
