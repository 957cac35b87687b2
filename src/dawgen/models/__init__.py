"""The two frozen models, generator and target, loaded by transformers: which code is trusted, what is made faster.

In use:

    from dawgen.models.load import load_target
    backbone = load_target("mini-t5")
"""
