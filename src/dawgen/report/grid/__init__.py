"""The page and the tables of a grid, pure functions of its results."""
