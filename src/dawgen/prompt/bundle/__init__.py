"""The bundle, a deployable soft prompt: its two files, the checks when it is loaded, and PEFT in and out.

In use:

    from dawgen.prompt.bundle.format import load_bundle
    prompt, info = load_bundle(Path("bundle"))  # [P,H] and all that bundle.json says
"""
