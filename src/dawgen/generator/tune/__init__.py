"""Steps 1 and 2 of the paper, tuning: prefixes, token weights and alignment on the few shots (Algorithm 1).

In use:

    from dawgen.generator.tune.tuner import tune
    tune(prefix, rows, GeneratorConfig(), seed=13)
"""
