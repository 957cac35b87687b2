"""What a method leaves for later, beside soft prompts: fitted probes, kept as the rows that they were fitted on.

In use:

    from dawgen.methods.kept.probe import load_probe
    probe, target = load_probe(Path("runs/mine/prompts/linear_probe"))
    probe.predict(["a new text"])
"""
