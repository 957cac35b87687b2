"""`dawgen analyze breakpoints`: with how many real examples do synthetic data stop helping?

In use:

    dawgen analyze breakpoints grid
"""
