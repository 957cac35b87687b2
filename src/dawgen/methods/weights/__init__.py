"""Shared by the methods that train the target's own weights: a copy of the target, and the loop that trains it.

In use:

    from dawgen.methods.weights.tuned import TunedTarget, thaw
    tuned = tune(TunedTarget(thaw(backbone), given), given, lr=3e-4)
"""
