"""A whole experiment as one command: cells named by a hash of their inputs, run by an engine, read into tables.

In use:

    dawgen bench --grid grid.yaml --out grid --dry-run
    dawgen bench --grid grid.yaml --out grid
"""
