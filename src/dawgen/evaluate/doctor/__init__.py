"""Names what is wrong with a run, with its evidence, likely cause and the switch to try.

In use:

    dawgen doctor runs/first
"""
