"""A table without a format, and the same as a page, Markdown, LaTeX or CSV.

>>> from dawgen.report.table.core import make_table
>>> from dawgen.report.table.exports import as_csv
>>> print(as_csv(make_table("Accuracy", ["method", "accuracy"], [["dawgen", "87.2"]], key="accuracy")).strip())
method,accuracy
dawgen,87.2
"""
