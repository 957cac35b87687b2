"""The page and the tables of runs."""
