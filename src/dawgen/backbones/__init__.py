"""The old name of `dawgen.models`, kept for the model cards that were written before the move.

In use:

    from dawgen.backbones.load import resolve_name
    base = resolve_name("mini-t5")
"""
