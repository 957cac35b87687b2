"""`dawgen export` and `dawgen import`: a bundle as a PEFT adapter, a set as a dataset folder, each with its card.

In use:

    from dawgen import export_peft, import_peft
    export_peft("bundle", "adapter")
    import_peft("adapter", "again")
"""
