"""Every method that makes a classifier, on one interface: dawgen's own arms, and those it is compared with.

In use:

    from dawgen.methods.table import METHODS
    classifier = METHODS["in_context"].fit(backbone, Given(task=task, real=real))
"""
