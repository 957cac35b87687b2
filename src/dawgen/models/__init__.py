"""The two frozen models, generator and target, loaded by transformers: which code is trusted, what is made faster."""
