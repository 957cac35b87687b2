"""The soft prompt: what it is, how it is initialised, how it is joined to a text, and the bundle it is deployed in.

In use:

    from dawgen.prompt.initialise import start_prompt
    start = start_prompt(backbone, ["yes", "no"], TargetConfig(), seed=13)  # [P,H]
"""
