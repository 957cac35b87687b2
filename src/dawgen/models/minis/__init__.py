"""The bundled small models: their weights, and the scripts that trained them from scratch.

In use:

    from dawgen import resolve_model
    folder = resolve_model("mini-t5")
"""
