"""Units of work, and engines that run them in the order of their needs: processes of this machine, or a Ray cluster.

In use:

    from dawgen.engine.schedule import run_all
    numbers = run_all(pieces, store, LocalEngine(jobs=2))
"""
