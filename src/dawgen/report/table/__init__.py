"""A table without a format, and the same as a page, Markdown, LaTeX or CSV."""
