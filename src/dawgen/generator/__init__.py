"""Steps 1 and 2 of the paper: a frozen causal model with one prefix per label is tuned on the few shots, then writes.

In use:

    from dawgen.generator.estimator import Generator
    synthetic = Generator("mini-ctrl", task).fit(real).generate(per_label=100, first_texts=texts)

`tune/` is Algorithm 1, `write/` decodes until every label has its number of rows.
"""
