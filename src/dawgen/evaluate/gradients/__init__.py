"""`dawgen analyze gradients`: do the gradients of synthetic rows oppose those of real rows, and of which rows?

In use:

    dawgen analyze gradients runs/first
"""
