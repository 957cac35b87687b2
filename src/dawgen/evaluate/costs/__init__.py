"""`dawgen analyze cost`: the costs of every kind of generator, side by side.

In use:

    dawgen analyze cost runs/first
"""
